"""HTTP API of the researcher: the data of the page at /study/results, behind a token.

The page itself holds nothing; every number is asked for with `Authorization: Bearer`.
"""

import asyncio
import hmac
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Depends, Header, HTTPException, Response

from vclip.listening.analysis import rating_table
from vclip.listening.server.monitor import Selection, StudyMonitor

EXPORT_TYPES = {"csv": "text/csv", "json": "application/json", "zip": "application/zip"}
WAIT = 0.1  # seconds that each wrong token takes
FIGURE_TYPES = {"svg": "image/svg+xml", "pdf": "application/pdf"}


def router(monitor: StudyMonitor, token: str) -> APIRouter:
    """All routes of the researcher, for a study while it runs."""

    brake = asyncio.Lock()

    async def allowed(authorization: Annotated[str, Header()] = "") -> None:
        known = f"Bearer {token}".encode()
        if not hmac.compare_digest(authorization.encode(), known):  # as long, right or wrong
            async with brake:  # wrong tokens wait in line, so that nobody tries a million
                await asyncio.sleep(WAIT)
            raise HTTPException(401, "this is not the study's token; it was printed at the start")

    api = APIRouter(prefix="/study/results/api", dependencies=[Depends(allowed)])

    @api.get("/summary")
    def summary(view: Selection = "clean") -> dict[str, Any]:
        return monitor.summary(view)

    @api.get("/results")
    def results(view: Selection = "clean") -> dict[str, Any]:
        found = monitor.analysed(view)
        return vars(found) | {"figures": list(found.figures)}

    @api.get("/figures/{name}.{kind}")
    def figure(name: str, kind: str, view: Selection = "clean") -> Response:
        drawn = monitor.analysed(view).figures.get(name, {}).get(kind)
        if drawn is None:
            raise HTTPException(404, "there is no such figure")
        return _file(drawn, FIGURE_TYPES[kind], f"{name}.{kind}")

    @api.get("/export.{kind}")
    def exported(kind: str, view: Selection = "clean") -> Response:
        if kind not in EXPORT_TYPES:
            raise HTTPException(404, f"there is no {kind}; take one of {', '.join(EXPORT_TYPES)}")
        name = f"{monitor.study.study}_{view}.{kind}"
        return _file(_written(monitor, monitor.table(view), kind), EXPORT_TYPES[kind], name)

    @api.get("/dictionary.csv")
    def dictionary() -> Response:
        table = pd.DataFrame(rating_table.dictionary())
        return _file(table.to_csv(index=False).encode(), "text/csv", "dictionary.csv")

    return api


def _written(monitor: StudyMonitor, table: pd.DataFrame, kind: str) -> bytes:
    if kind == "zip":
        return rating_table.archive(table, monitor.study)
    text = rating_table.csv(table) if kind == "csv" else rating_table.as_json(table, monitor.study)
    return text.encode()


def _file(data: bytes, kind: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type=kind, headers={"Cache-Control": "no-store", **headers})
