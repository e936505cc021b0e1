"""Erasure of personal data, and everything that is held on a subject."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from services.registry.api.holdings import workbook_of
from services.registry.api.paging import id_in
from services.registry.store.erasing import Erasure
from services.registry.usecases import erasing, holdings
from services.registry.usecases.erasing import DecideErasure, RequestErasure
from shared.contracts.registry import ErasedKind
from shared.platform.access import may
from shared.platform.web import In, Out, Run, page_of, to_json

router = APIRouter(tags=["erasure"])
Limit = Annotated[int, Query(ge=1, le=500)]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class ErasureIn(In):
    """Whose data are to be forgotten, and on what ground.

    `party`: an expert, or a member of a task force, by the id in the directory.
    """

    subject_id: UUID
    kind: ErasedKind = "enterprise"
    basis: str = Field(min_length=1, max_length=500)


class ErasureDecisionIn(In):
    """Grant or refuse."""

    approve: bool


class ErasureOut(Out):
    """A request; `receipt` tells what was destroyed, under its own SHA-256."""

    erasure_id: UUID
    subject_id: UUID
    kind: str
    basis: str
    state: str
    requested_by: str
    requested_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    receipt: dict[str, Any] | None

    @classmethod
    def of(cls, erasure: Erasure) -> "ErasureOut":
        return cls.model_validate(erasure)


class ErasurePage(Out):
    """Requests, the oldest first."""

    items: list[ErasureOut]
    next_cursor: str | None


@router.post(
    "/erasures", status_code=201, response_model=ErasureOut, dependencies=[may("erasure", "create")]
)
async def post_erasure(body: ErasureIn, run: Run) -> Response:
    """申请删除个人信息;须由另一人复核。"""
    command = RequestErasure(subject_id=body.subject_id, kind=body.kind, basis=body.basis)
    return await run(erasing.request_erasure, command, answer=ErasureOut.of, status=201)


@router.post(
    "/erasures/{erasure_id}/decision",
    response_model=ErasureOut,
    dependencies=[may("erasure", "approve")],
)
async def post_erasure_decision(erasure_id: UUID, body: ErasureDecisionIn, run: Run) -> Response:
    """复核删除申请;同意即销毁密钥,不可恢复,统计数字保留。"""
    command = DecideErasure(erasure_id=erasure_id, approve=body.approve)
    return await run(erasing.decide_erasure, command, answer=ErasureOut.of)


@router.get("/erasures", dependencies=[may("erasure", "read")])
async def get_erasures(run: Run, cursor: str | None = None, limit: Limit = 50) -> ErasurePage:
    """删除申请,先到的在前;企业只看本企业的。"""
    found = await run.read(erasing.list_erasures, id_in(cursor), limit + 1)
    items, following = page_of(found, limit, lambda each: (str(each.erasure_id),))
    return ErasurePage(items=[ErasureOut.of(each) for each in items], next_cursor=following)


@router.get("/erasures/{erasure_id}", dependencies=[may("erasure", "read")])
async def get_erasure(erasure_id: UUID, run: Run) -> ErasureOut:
    """一条删除申请及其回执。"""
    return ErasureOut.of(await run.read(erasing.find_erasure, erasure_id))


@router.get(
    "/reveals/{reveal_id}/holdings",
    response_class=Response,
    dependencies=[may("person", "reveal")],
)
async def get_holdings(
    reveal_id: UUID, run: Run, format: Literal["json", "xlsx"] = "json"
) -> Response:
    """平台上关于这家企业或名录中这位人员的全部信息(应本人要求的查看,有效时间内)。"""
    held = await run.read(holdings.holdings, reveal_id)
    headers = {"cache-control": "no-store"}
    if format == "json":
        return Response(to_json(held), media_type="application/json", headers=headers)
    headers["content-disposition"] = f'attachment; filename="holdings-{reveal_id}.xlsx"'
    return Response(workbook_of(held), media_type=XLSX, headers=headers)
