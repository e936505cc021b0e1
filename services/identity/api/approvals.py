"""Maker and checker over HTTP."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from services.identity.api.schemas import ApprovalIn, ApprovalOut, ApprovalsOut, DecisionIn
from services.identity.usecases import approvals as usecases
from shared.platform.access import may
from shared.platform.web import Cursor, Limit, Run, decode_cursor, page_of

router = APIRouter()


@router.post(
    "/approvals",
    status_code=201,
    response_model=ApprovalOut,
    dependencies=[may("approval", "create")],
)
async def post_approval(body: ApprovalIn, run: Run) -> Response:
    """提出复核申请:payload 为随后要提交的请求内容,通过后原样提交。"""
    command = usecases.RequestApproval(body.action, body.subject, body.summary, body.payload)
    return await run(
        usecases.request_approval, command, answer=ApprovalOut.model_validate, status=201
    )


@router.post(
    "/approvals/{approval_id}/decision",
    response_model=ApprovalOut,
    dependencies=[may("approval", "approve")],
)
async def post_decision(approval_id: UUID, body: DecisionIn, run: Run) -> Response:
    """复核:同意或不同意;申请人本人不能复核。"""
    command = usecases.Decide(approval_id, body.approved, body.reason)
    return await run(usecases.decide, command, answer=ApprovalOut.model_validate)


@router.post(
    "/approvals/{approval_id}/withdrawal",
    response_model=ApprovalOut,
    dependencies=[may("approval", "create")],
)
async def post_withdrawal(approval_id: UUID, run: Run) -> Response:
    """撤回本人提出、尚无结论的申请。"""
    command = usecases.Withdraw(approval_id)
    return await run(usecases.withdraw, command, answer=ApprovalOut.model_validate)


@router.get("/approvals", dependencies=[may("approval", "read")])
async def get_approvals(
    run: Run,
    state: Annotated[
        Literal["open", "approved", "rejected", "withdrawn", "expired"] | None, Query()
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> ApprovalsOut:
    """本人提出的和可由本人复核的申请,新的在前。"""
    found = await run.read(usecases.list_approvals, state, _before(cursor), limit + 1)
    page, following = page_of(
        found, limit, lambda one: (one.requested_at.isoformat(), one.approval_id)
    )
    items = [ApprovalOut.model_validate(one) for one in page]
    return ApprovalsOut(items=items, next_cursor=following)


def _before(cursor: str | None) -> tuple[datetime, UUID] | None:
    place = decode_cursor(cursor, datetime, UUID)
    return (place[0], place[1]) if place else None


@router.get("/approvals/{approval_id}", dependencies=[may("approval", "read")])
async def get_approval(approval_id: UUID, run: Run) -> ApprovalOut:
    """一项复核申请及其请求内容。"""
    return ApprovalOut.model_validate(await run.read(usecases.find_approval, approval_id))
