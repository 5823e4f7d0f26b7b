"""Studies, raters, trials, answers, marks, events; what is written once stays as it is."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WRITTEN_ONCE = ("trials", "answers", "marks", "events")


def upgrade() -> None:
    """Make them."""
    _studies_and_raters()
    _trials_and_answers()
    _marks_and_events()
    for table in WRITTEN_ONCE:
        _protect(table)


def downgrade() -> None:
    """Remove them with all they hold."""
    for table in ("events", "marks", "answers", "trials", "raters", "studies"):
        op.drop_table(table)  # its triggers go with it
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION written_once()")


def _studies_and_raters() -> None:
    op.create_table(
        "studies",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("study", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("enrolled", sa.Integer, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_studies"),
        sa.UniqueConstraint("study", "version", name="uq_studies_study_version"),
    )
    op.create_table(
        "raters",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("study_id", sa.Integer, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("withdrawal", sa.Text, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
        sa.Column("seen", sa.Text, nullable=False),
        sa.Column("tab", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_raters"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_raters_study_id"),
        sa.UniqueConstraint("token", name="uq_raters_token"),
        sa.UniqueConstraint("withdrawal", name="uq_raters_withdrawal"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_raters_study_id", "raters", ["study_id"])


def _trials_and_answers() -> None:
    op.create_table(
        "trials",
        sa.Column("rater_id", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("item", sa.Text, nullable=False),
        sa.Column("conditions", sa.Text, nullable=False),
        sa.Column("items", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("expected", sa.Text),
        sa.PrimaryKeyConstraint("rater_id", "position", name="pk_trials"),
        _goes_with_rater("trials"),
    )
    op.create_table(
        "answers",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("rater_id", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("heard", sa.JSON, nullable=False),
        sa.Column("plays", sa.JSON, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("share", sa.Double, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_answers"),
        sa.UniqueConstraint("rater_id", "position", name="uq_answers_rater_id_position"),
        sa.ForeignKeyConstraint(
            ["rater_id", "position"],
            ["trials.rater_id", "trials.position"],
            name="fk_answers_rater_id_position",
            ondelete="CASCADE",
        ),
    )


def _marks_and_events() -> None:
    op.create_table(
        "marks",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("rater_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("result", sa.JSON, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_marks"),
        sa.UniqueConstraint("rater_id", "kind", "position", name="uq_marks_rater_id_kind_position"),
        _goes_with_rater("marks"),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("rater_id", sa.Integer, nullable=False),
        sa.Column("event", sa.JSON, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        _goes_with_rater("events"),
    )
    for table in ("marks", "events"):
        op.create_index(f"ix_{table}_rater_id", table, ["rater_id"])


def _goes_with_rater(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["rater_id"], ["raters.id"], name=f"fk_{table}_rater_id", ondelete="CASCADE"
    )


def _protect(table: str) -> None:
    """No update at all; no deletion while there is the rater, so only by a withdrawal."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_POSTGRES_FUNCTION)
        op.execute(
            f"CREATE TRIGGER {table}_written_once BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION written_once()"
        )
        return
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} are written once'); END"
    op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refuse}")
    op.execute(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM raters WHERE id = OLD.rater_id) {refuse}"
    )


_POSTGRES_FUNCTION = """
CREATE OR REPLACE FUNCTION written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' OR EXISTS (SELECT 1 FROM raters WHERE id = OLD.rater_id) THEN
        RAISE EXCEPTION '% are written once', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END $$
"""
