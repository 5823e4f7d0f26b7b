"""Alembic runs this, never an import; the connection comes from `database.migrate`."""

from alembic import context

from vclip.listening.store.database import VERSION_TABLE
from vclip.listening.store.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
