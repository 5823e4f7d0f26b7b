"""Tables of studies, raters and what they answered, for SQLite and PostgreSQL.

Trials, answers, marks and events are written once: triggers of the migration refuse to change them,
and to delete them unless their rater goes. Times are ISO 8601 texts, UTC.
"""

from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    Dialect,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    LargeBinary,
    MetaData,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

WRITTEN_ONCE = ("trials", "answers", "marks", "events")


class Names(TypeDecorator[tuple[str, ...]]):
    """Ids, joined by commas, which no id has: unlike JSON it can be grouped by."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:
        """To the database."""
        return None if value is None else ",".join(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> tuple[str, ...] | None:
        """From the database."""
        return None if value is None else tuple(value.split(",")) if value else ()


class Base(DeclarativeBase):
    """Names of constraints do not depend on the database."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )
    type_annotation_map: ClassVar = {
        str: Text,
        float: Double,
        dict[str, Any]: JSON,
        tuple[str, ...]: Names,
    }


def _of_rater() -> Mapped[int]:
    return mapped_column(ForeignKey("raters.id", ondelete="CASCADE"), index=True)


class StudyRow(Base):
    """One version of a study. secret: key of its completion codes; enrolled: raters ever."""

    __tablename__ = "studies"
    __table_args__ = (UniqueConstraint("study", "version"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    study: Mapped[str]
    version: Mapped[str]
    sha256: Mapped[str]  # of the study's file
    secret: Mapped[bytes] = mapped_column(LargeBinary)
    enrolled: Mapped[int]
    created: Mapped[str]


class RaterRow(Base):
    """A rater. token, withdrawal: SHA-256 of them; tab: the one that may answer."""

    __tablename__ = "raters"
    __table_args__ = ({"sqlite_autoincrement": True},)  # a number is never given twice
    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"), index=True)
    token: Mapped[str] = mapped_column(unique=True)
    withdrawal: Mapped[str] = mapped_column(unique=True)
    created: Mapped[str]
    seen: Mapped[str]
    tab: Mapped[str | None]


class TrialRow(Base):
    """One trial of a rater's plan; type: of the question, for whoever reads without the study."""

    __tablename__ = "trials"
    rater_id: Mapped[int] = mapped_column(
        ForeignKey("raters.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    question: Mapped[str]
    type: Mapped[str]
    item: Mapped[str]
    conditions: Mapped[tuple[str, ...]]
    items: Mapped[tuple[str, ...]]
    purpose: Mapped[str]
    expected: Mapped[str | None]


class AnswerRow(Base):
    """The one answer to a trial."""

    __tablename__ = "answers"
    __table_args__ = (
        UniqueConstraint("rater_id", "position"),
        ForeignKeyConstraint(
            ["rater_id", "position"], ["trials.rater_id", "trials.position"], ondelete="CASCADE"
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    rater_id: Mapped[int]
    position: Mapped[int]
    value: Mapped[Any] = mapped_column(JSON)
    heard: Mapped[Any] = mapped_column(JSON)
    plays: Mapped[Any] = mapped_column(JSON)
    seconds: Mapped[float]
    share: Mapped[float]
    request: Mapped[str]
    created: Mapped[str]


class MarkRow(Base):
    """A step behind a rater."""

    __tablename__ = "marks"
    __table_args__ = (UniqueConstraint("rater_id", "kind", "position"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    rater_id: Mapped[int] = _of_rater()
    kind: Mapped[str]
    position: Mapped[int]
    result: Mapped[dict[str, Any]]
    created: Mapped[str]


class EventRow(Base):
    """What happened on the page."""

    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    rater_id: Mapped[int] = _of_rater()
    event: Mapped[dict[str, Any]]
    created: Mapped[str]
