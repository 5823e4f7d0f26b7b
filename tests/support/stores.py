"""Every kind of store, empty, for tests of what all of them promise."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psycopg
import pytest
import toy_study
from sqlalchemy import Connection, create_engine, make_url

from vclip.listening.design.session_plan import plan_session
from vclip.listening.design.study import Study
from vclip.listening.design.trials import Counts, Trial
from vclip.listening.store import store
from vclip.listening.store.records import Answer, Enrolment, Value
from vclip.listening.store.store import Store

KINDS = ("sqlite", "postgresql", "jsonl")


def place_of(kind: str, folder: Path) -> Iterator[str]:
    """Of a store with nothing in it; gone at the end."""
    if kind == "postgresql":
        yield from _schema()
    else:
        yield f"sqlite:///{folder / 'ratings.db'}" if kind == "sqlite" else f"jsonl:{folder}/lines"


def _schema() -> Iterator[str]:
    """An own schema of the database that VCLIP_POSTGRES names."""
    server = os.environ.get("VCLIP_POSTGRES", "")
    if not server:
        pytest.skip("VCLIP_POSTGRES names no database to test with; .ci/run starts one")
    name, place = f"test_{uuid.uuid4().hex}", make_url(server)
    plain = place.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
        own = place.update_query_dict({"options": f"-csearch_path={name}"})
        yield own.render_as_string(hide_password=False)
        connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of each kind of store."""
    yield from place_of(request.param, tmp_path)


@pytest.fixture
def postgresql_url(tmp_path: Path) -> Iterator[str]:
    """Of a PostgreSQL."""
    yield from place_of("postgresql", tmp_path)


@pytest.fixture(params=KINDS[:2])
def sql_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of each kind of database."""
    yield from place_of(request.param, tmp_path)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """To a store's database, as anybody else would be; one transaction."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


@pytest.fixture
def kept(url: str) -> Iterator[Store]:
    """An open store of the toy study."""
    opened = store.open_store(url, toy())
    yield opened
    opened.close()


def toy(version: str = "1", **design: int) -> Study:
    """ACR, pairs and multi-stimulus; training, attention; the trials of a rater are eight."""
    fields = {"types": "acr_fit ab multi", "training": ["i0"], "attention": 1, **design}
    study = toy_study.study(**fields, trials_per_rater=4)  # type: ignore[arg-type]
    return study.model_copy(update={"version": version})


def enrol(opened: Store, seed: int = 0, request: str | None = None) -> Enrolment:
    """As the server does it."""
    rng = np.random.default_rng(seed)

    def plan(counts: Counts) -> list[Trial]:
        return plan_session(opened.study, counts, rng)

    return opened.enrol(plan, request)


def answer(position: int, request: str = "once", value: Value = "4") -> Answer:
    """As a page sends it."""
    heard = [[(0.0, 1.25), (1.5, 2.0)], [(0.1, 2.0)]]
    return Answer(position, value, heard, [1, 2], 3.5, request, 0.875)
