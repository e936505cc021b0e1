"""The HTTP of what happens to assignments after publication."""

from uuid import UUID

from fastapi import APIRouter, Response

from services.allocation.api.lifecycle_schemas import (
    ClaimIn,
    ClaimOut,
    ClaimPage,
    DecisionIn,
    HandOverIn,
    ReturnIn,
    ReturnOut,
    ReturnPage,
    ReturnReasonList,
    ReturnReasonOut,
    ReturnState,
    SetCapacitiesIn,
    SetCapacityPage,
    SuggestionOut,
    SuggestionPage,
)
from services.allocation.api.pages import one_id
from services.allocation.api.schemas import ContactsOut
from services.allocation.domain.returns import REASONS
from services.allocation.store import lifecycle as store
from services.allocation.usecases import lifecycle
from services.allocation.usecases.lifecycle import (
    AskReturn,
    DecideReturn,
    HandOver,
    MakeClaim,
    SetCapacities,
)
from shared.platform.access import may
from shared.platform.web import Cursor, Limit, Run, page_of

router = APIRouter(tags=["after publication"])


@router.post(
    "/assignments/{assignment_id}/returns",
    status_code=201,
    response_model=ReturnOut,
    dependencies=[may("assignment_return", "create")],
)
async def post_return(assignment_id: UUID, body: ReturnIn, run: Run) -> Response:
    """Ask the bureau to take an enterprise back; the duty stays until it decides."""
    command = AskReturn(assignment_id, body.reason_code, body.note)
    return await run(lifecycle.ask_return, command, answer=ReturnOut.of, status=201)


@router.get("/return-reasons", dependencies=[may("assignment_return", "read")])
async def get_return_reasons(_run: Run) -> ReturnReasonList:
    """Why an enterprise may be given back: codes, and what they are called."""
    items = [ReturnReasonOut(code=code, title=title) for code, title in REASONS.items()]
    return ReturnReasonList(items=items)


@router.get("/returns", dependencies=[may("assignment_return", "read")])
async def get_returns(
    campaign_id: UUID, run: Run, *, state: ReturnState = "open", cursor: Cursor = None,
    limit: Limit = 100,
) -> ReturnPage:  # fmt: skip
    """Returns the caller may see; overdue: the bureau's days are over."""
    found = await run.read(
        store.returns, campaign_id, state=state, after=one_id(cursor), limit=limit
    )
    rows, following = page_of(found, limit, lambda row: (row.return_id,))
    return ReturnPage(items=[ReturnOut.of(row) for row in rows], next_cursor=following)


@router.post(
    "/returns/{return_id}/decision",
    response_model=ReturnOut,
    dependencies=[may("assignment_return", "approve")],
)
async def post_decision(return_id: UUID, body: DecisionIn, run: Run) -> Response:
    """Grant a return or not."""
    command = DecideReturn(return_id, body.granted, body.note)
    return await run(lifecycle.decide_return, command, answer=ReturnOut.of)


@router.post(
    "/claims", status_code=201, response_model=ClaimOut, dependencies=[may("claim", "create")]
)
async def post_claim(body: ClaimIn, run: Run) -> Response:
    """Take on an enterprise outside the own list; counted apart."""
    command = MakeClaim(body.campaign_id, body.enterprise_id, body.outlet_id, body.staff_id)
    return await run(lifecycle.make_claim, command, answer=ClaimOut.model_validate, status=201)


@router.get("/claims", dependencies=[may("claim", "read")])
async def get_claims(
    campaign_id: UUID, run: Run, *, cursor: Cursor = None, limit: Limit = 100
) -> ClaimPage:
    """Claims the caller may see."""
    found = await run.read(store.claims, campaign_id, after=one_id(cursor), limit=limit)
    rows, following = page_of(found, limit, lambda row: (row.claim_id,))
    return ClaimPage(items=[ClaimOut.model_validate(row) for row in rows], next_cursor=following)


@router.post(
    "/contacts:handover", response_model=ContactsOut, dependencies=[may("contact", "update")]
)
async def post_hand_over(body: HandOverIn, run: Run) -> Response:
    """Give all a person answers for to another; the history stays."""
    command = HandOver(body.from_staff_id, body.to_staff_id, body.to_outlet_id)
    return await run(lifecycle.hand_over, command, answer=ContactsOut.of)


@router.get("/contacts/suggestions", dependencies=[may("contact", "update")])
async def get_suggestions(campaign_id: UUID, run: Run, *, limit: Limit = 500) -> SuggestionPage:
    """Contacts that might be named: nearest outlet, least load."""
    found = await run.read(lifecycle.suggestions, campaign_id, limit)
    return SuggestionPage(items=[SuggestionOut.model_validate(one) for one in found])


@router.put(
    "/campaigns/{campaign_id}/capacities",
    response_model=SetCapacityPage,
    dependencies=[may("capacity", "update")],
)
async def put_capacities(campaign_id: UUID, body: SetCapacitiesIn, run: Run) -> Response:
    """Set what institutions can take; the next plan goes by it."""
    command = SetCapacities(campaign_id, body.capacities())
    return await run(lifecycle.set_capacities, command, answer=SetCapacityPage.of)


@router.get("/campaigns/{campaign_id}/capacities", dependencies=[may("capacity", "read")])
async def get_capacities(campaign_id: UUID, run: Run) -> SetCapacityPage:
    """Capacities that were set."""
    return SetCapacityPage.of(await run.read(store.capacities, campaign_id))
