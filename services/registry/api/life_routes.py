"""Two that are one, other names, and how enterprises were found."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.registry.api.life_schemas import (
    DecisionIn,
    DispositionIn,
    DispositionOut,
    DispositionPage,
    MergeIn,
    MergerList,
    MergerOut,
    NamesakesOut,
    NamesakesPage,
    NamesOut,
    RenameIn,
    UndoIn,
)
from services.registry.api.paging import id_in
from services.registry.store import life as store
from services.registry.usecases import life
from services.registry.usecases.life import DecideDisposition, Dispose, Merge, Rename, Unmerge
from shared.platform.access import may
from shared.platform.web import Run, decode_cursor, expected_version, page_of

router = APIRouter(tags=["enterprise life"])
Limit = Annotated[int, Query(ge=1, le=500)]


@router.post(
    "/mergers", status_code=201, response_model=MergerOut, dependencies=[may("merger", "create")]
)
async def post_merger(body: MergeIn, run: Run) -> Response:
    """合并两家企业:自 merged_on 起按一家统计,以前的统计不变;可撤销。"""
    command = Merge(**body.model_dump())
    return await run(life.merge, command, answer=MergerOut.of, status=201)


@router.post(
    "/mergers/{merger_id}/undo", response_model=MergerOut, dependencies=[may("merger", "create")]
)
async def post_undo(merger_id: UUID, body: UndoIn, run: Run) -> Response:
    """撤销合并:两家恢复各自统计。"""
    command = Unmerge(merger_id=merger_id, reason=body.reason)
    return await run(life.unmerge, command, answer=MergerOut.of)


@router.get("/enterprises/{enterprise_id}/mergers", dependencies=[may("merger", "read")])
async def get_mergers(enterprise_id: UUID, run: Run) -> MergerList:
    """一家企业的合并记录。"""
    found = await run.read(life.mergers_of, enterprise_id)
    return MergerList(items=[MergerOut.of(each) for each in found])


@router.get("/namesakes", dependencies=[may("merger", "read")])
async def get_namesakes(run: Run, cursor: str | None = None, limit: Limit = 50) -> NamesakesPage:
    """同名而信用代码不同的企业:按两家处理,请人核对是否为一家。"""
    place = decode_cursor(cursor, str)
    found = await run.read(store.namesakes, place[0] if place else "", limit + 1)
    items, following = page_of(found, limit, lambda each: (each.name,))
    return NamesakesPage(items=[NamesakesOut.of(each) for each in items], next_cursor=following)


@router.get("/enterprises/{enterprise_id}/names", dependencies=[may("enterprise", "read")])
async def get_names(enterprise_id: UUID, run: Run) -> NamesOut:
    """企业现名称与曾用名。"""
    return NamesOut.of(await run.read(life.named, enterprise_id))


@router.post(
    "/enterprises/{enterprise_id}/names",
    response_model=NamesOut,
    dependencies=[may("enterprise", "update")],
)
async def post_name(enterprise_id: UUID, body: RenameIn, request: Request, run: Run) -> Response:
    """登记企业更名:旧名称作为曾用名保留。"""
    command = Rename(
        enterprise_id=enterprise_id,
        expected_version=expected_version(request),
        name=body.name,
        valid_from=body.valid_from,
        reason=body.reason,
    )
    return await run(life.rename, command, answer=NamesOut.of)


@router.post(
    "/enterprises/{enterprise_id}/dispositions",
    status_code=201,
    response_model=DispositionOut,
    dependencies=[may("disposition", "create")],
)
async def post_disposition(enterprise_id: UUID, body: DispositionIn, run: Run) -> Response:
    """申报企业已注销、迁走、失联、拒绝或无需求,附证据;监管复核前统计不变。"""
    command = Dispose(enterprise_id=enterprise_id, **body.model_dump())
    return await run(life.dispose, command, answer=DispositionOut.of, status=201)


@router.post(
    "/dispositions/{disposition_id}/decision",
    response_model=DispositionOut,
    dependencies=[may("disposition", "approve")],
)
async def post_disposition_decision(disposition_id: UUID, body: DecisionIn, run: Run) -> Response:
    """复核处置申请;申请人不能复核自己的申请。"""
    command = DecideDisposition(
        disposition_id=disposition_id, approve=body.approve, reason=body.reason
    )
    return await run(life.decide_disposition, command, answer=DispositionOut.of)


@router.get("/dispositions", dependencies=[may("disposition", "read")])
async def get_dispositions(
    run: Run,
    state: Literal["claimed", "approved", "refused"] | None = None,
    enterprise_id: UUID | None = None,
    cursor: str | None = None,
    limit: Limit = 50,
) -> DispositionPage:
    """处置申请,先到的在前。"""
    found = await run.read(
        store.find_dispositions,
        state=state,
        enterprise_id=enterprise_id,
        after=id_in(cursor),
        limit=limit + 1,
    )
    items, following = page_of(found, limit, lambda each: (str(each.disposition_id),))
    return DispositionPage(items=[DispositionOut.of(each) for each in items], next_cursor=following)
