"""The HTTP of visits: parse, run one use case, answer."""

import hashlib
from datetime import date, datetime
from uuid import UUID

from fastapi import APIRouter, Response

from services.visits.api import photos
from services.visits.api.schemas import (
    NeedOut,
    NeedPage,
    RefusalOut,
    RefusalPage,
    TaskOut,
    TaskPage,
    VisitAnswerOut,
    VisitDetailOut,
    VisitIn,
    VisitOut,
    VisitPage,
    VoidIn,
    detail_of,
)
from services.visits.domain.team import TeamRefused
from services.visits.store import needs, refusals, tasks, visits
from services.visits.usecases import (
    KeepRefusal,
    RecordVisit,
    VoidVisit,
    find_visit,
    keep_refusal,
    record_visit,
    void_visit,
)
from shared.platform.access import may
from shared.platform.approvals import Approval
from shared.platform.web import Cursor, Limit, Run, decode_cursor, page_of

router = APIRouter(tags=["visits"])
router.include_router(photos.router)


@router.post(
    "/visits", status_code=201, response_model=VisitAnswerOut, dependencies=[may("visit", "create")]
)
async def post_visit(body: VisitIn, run: Run) -> Response:
    """Record a visit; the same report with the same visit_id is recorded once."""
    content_hash = hashlib.sha256(body.model_dump_json().encode()).digest()
    attempt = RecordVisit(body.report(), content_hash)
    try:
        return await run(record_visit, attempt, answer=VisitAnswerOut.of, status=201)
    except TeamRefused as refused:
        # The refusal undid the transaction; that someone tried has to stay (JS-12).
        async with run.database.transaction(run.principal) as tx:
            await keep_refusal(KeepRefusal(attempt, refused.members, refused.region_code), tx)
        raise


@router.get("/visits", dependencies=[may("visit", "read")])
async def get_visits(
    run: Run,
    *,
    enterprise_id: UUID | None = None,
    campaign_id: UUID | None = None,
    institution_id: UUID | None = None,
    staff_id: UUID | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> VisitPage:
    """The visits the caller may see, newest first."""
    wanted = visits.VisitFilter(
        enterprise_id=enterprise_id,
        campaign_id=campaign_id,
        institution_id=institution_id,
        staff_id=staff_id,
        after=_day_and_id(cursor),
        limit=limit,
    )
    found = await run.read(visits.page, wanted)
    rows, following = page_of(found, limit, lambda row: (row.visited_on, row.visit_id))
    return VisitPage(items=[VisitOut.of(row) for row in rows], next_cursor=following)


@router.get("/visits/{visit_id}", dependencies=[may("visit", "read")])
async def get_visit(visit_id: UUID, run: Run) -> VisitDetailOut:
    """One visit with whom the team spoke and where it was."""
    return detail_of(await run.read(find_visit, visit_id))


@router.post(
    "/visits/{visit_id}/void", response_model=VisitDetailOut, dependencies=[may("visit", "void")]
)
async def post_void(visit_id: UUID, body: VoidIn, run: Run, approval: Approval) -> Response:
    """Take a record that was never true out of every figure; the record itself stays.

    Somebody else agrees first (identity's `/approvals`, action `visit.void`, subject the visit's
    id, payload this body); the approval's id comes along in `X-Approval`.
    """
    command = VoidVisit(visit_id, body.reason_code, body.reason, approval)
    return await run(void_visit, command, answer=detail_of)


@router.get("/tasks", dependencies=[may("assignment", "read")])
async def get_tasks(
    run: Run,
    *,
    campaign_id: UUID | None = None,
    enterprise_id: UUID | None = None,
    institution_id: UUID | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> TaskPage:
    """The enterprises in the caller's care and how far their visits are."""
    wanted = tasks.TaskFilter(
        campaign_id=campaign_id,
        enterprise_id=enterprise_id,
        institution_id=institution_id,
        after=_one_id(cursor),
        limit=limit,
    )
    found = await run.read(tasks.page, wanted)
    rows, following = page_of(found, limit, lambda row: (row.assignment_id,))
    return TaskPage(items=[TaskOut.of(row) for row in rows], next_cursor=following)


@router.get("/needs", dependencies=[may("need", "read")])
async def get_needs(
    run: Run,
    *,
    enterprise_id: UUID | None = None,
    campaign_id: UUID | None = None,
    institution_id: UUID | None = None,
    state: str | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> NeedPage:
    """The financing needs the caller may see, newest first."""
    wanted = needs.NeedFilter(
        enterprise_id=enterprise_id,
        campaign_id=campaign_id,
        institution_id=institution_id,
        state=state,
        after=_day_and_id(cursor),
        limit=limit,
    )
    found = await run.read(needs.page, wanted)
    rows, following = page_of(found, limit, lambda row: (row.recorded_on, row.need_id))
    return NeedPage(items=[NeedOut.of(row) for row in rows], next_cursor=following)


@router.get("/refused-visits", dependencies=[may("refused_visit", "read")])
async def get_refused_visits(
    run: Run,
    *,
    institution_id: UUID | None = None,
    campaign_id: UUID | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> RefusalPage:
    """Attempts with people who may not visit; for the regulator."""
    wanted = refusals.RefusalFilter(
        institution_id=institution_id,
        campaign_id=campaign_id,
        after=_instant_and_id(cursor),
        limit=limit,
    )
    found = await run.read(refusals.page, wanted)
    rows, following = page_of(found, limit, lambda row: (row.last_at, row.visit_id))
    return RefusalPage(items=[RefusalOut.of(row) for row in rows], next_cursor=following)


def _one_id(cursor: str | None) -> UUID | None:
    place = decode_cursor(cursor, UUID)
    return place[0] if place else None


def _day_and_id(cursor: str | None) -> tuple[date, UUID] | None:
    place = decode_cursor(cursor, date, UUID)
    return (place[0], place[1]) if place else None


def _instant_and_id(cursor: str | None) -> tuple[datetime, UUID] | None:
    place = decode_cursor(cursor, datetime, UUID)
    return (place[0], place[1]) if place else None
