"""Maker and checker: one person asks, another one agrees or not."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.identity.domain import approvals as rules
from services.identity.domain.approvals import Approval
from services.identity.store import approvals
from shared.contracts.identity import ApprovalDecided, ApprovalRequested
from shared.kernel.errors import NotFound
from shared.kernel.ids import new_id
from shared.kernel.permissions import two_people
from shared.platform.approvals import payload_sha256
from shared.platform.auth import unauthenticated
from shared.platform.database import Transaction


@dataclass(frozen=True, slots=True)
class RequestApproval:
    """Ask for a second person: `payload` is the body of the call that will be made."""

    action: str
    subject: str
    summary: str
    payload: dict[str, Any]


async def request_approval(command: RequestApproval, tx: Transaction) -> Approval:
    """Keep a request for some days and tell the services.

    Raises: BadInput `approval.action`; Refused `access.role`.
    """
    rules.must_be_maker(rules.action_named(command.action), tx.principal)
    if tx.principal.account_id is None:
        raise unauthenticated()
    approval = Approval(
        approval_id=new_id(),
        action=command.action,
        subject=command.subject,
        summary=command.summary,
        payload_sha256=payload_sha256(command.payload),
        requested_by=tx.principal.account_id,
        institution_id=tx.principal.institution_id,
        requested_at=tx.now,
        expires_at=tx.now + timedelta(days=rules.VALID_DAYS),
        payload=command.payload,
    )
    await approvals.add(tx.connection, approval)
    tx.emit(
        ApprovalRequested(
            approval_id=approval.approval_id,
            action=approval.action,
            subject=approval.subject,
            payload_sha256=approval.payload_sha256,
            requested_by=approval.requested_by,
            expires_at=approval.expires_at,
            requested_on=tx.today,
        )
    )
    tx.audit("approval.requested", approval.approval_id, after={"action": approval.action})
    return approval


@dataclass(frozen=True, slots=True)
class Decide:
    """Agree to a request or reject it, with a reason."""

    approval_id: UUID
    approved: bool
    reason: str


async def decide(command: Decide, tx: Transaction) -> Approval:
    """Keep a decision and tell the services.

    Raises: NotFound `approval.unknown`; Refused `access.role`, `approval.same_person`; Conflict
    `approval.decided`, `approval.expired`.
    """
    found = await approvals.find(tx.connection, command.approval_id, now=tx.now, lock=True)
    approval = _seen(found, tx)
    rules.must_be_checker(approval, tx.principal)
    by = tx.principal.account_id
    if by is None:
        raise unauthenticated()
    state = "approved" if command.approved else "rejected"
    await approvals.decide(
        tx.connection, approval.approval_id, state=state, by=by, at=tx.now, why=command.reason
    )
    tx.emit(
        ApprovalDecided(
            approval_id=approval.approval_id,
            action=approval.action,
            subject=approval.subject,
            payload_sha256=approval.payload_sha256,
            approved=command.approved,
            requested_by=approval.requested_by,
            decided_by=by,
            expires_at=approval.expires_at,
            decided_on=tx.today,
        )
    )
    tx.audit(f"approval.{state}", approval.approval_id, after={"action": approval.action})
    return replace(approval, state=state, decided_by=by, decided_at=tx.now, reason=command.reason)


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take an own request back before anybody has decided on it."""

    approval_id: UUID


async def withdraw(command: Withdraw, tx: Transaction) -> Approval:
    """Close an own open request: nobody can agree to it any more, and nothing comes of it.

    Raises: NotFound `approval.unknown`, also for somebody else's; Conflict `approval.decided`,
    `.expired`.
    """
    found = await approvals.find(tx.connection, command.approval_id, now=tx.now, lock=True)
    if found is None or found.requested_by != tx.principal.account_id:
        raise _unknown()
    rules.must_be_open(found)
    await approvals.withdraw(tx.connection, found.approval_id, at=tx.now)
    tx.audit("approval.withdrawn", found.approval_id, after={"action": found.action})
    return replace(found, state="withdrawn", decided_at=tx.now)


def _seen(found: Approval | None, tx: Transaction) -> Approval:
    if found is None or not rules.may_see(found, tx.principal):
        raise _unknown()
    return found


def _unknown() -> NotFound:
    return NotFound("approval.unknown", "没有这项复核申请")


async def find_approval(tx: Transaction, approval_id: UUID) -> Approval:
    """A request with the body of the call that it is about.

    Raises: NotFound `approval.unknown`.
    """
    return _seen(await approvals.find(tx.connection, approval_id, now=tx.now), tx)


async def list_approvals(
    tx: Transaction, state: str | None, before: tuple[datetime, UUID] | None, limit: int
) -> list[Approval]:
    """Requests that the caller made or may decide, newest first."""
    caller = tx.principal
    able = [name for name, two in two_people().items() if caller.role in two.checkers]
    return await approvals.page(
        tx.connection,
        everything=caller.sees_all or caller.role == "auditor",
        account_id=caller.account_id,
        institution_id=caller.institution_id,
        actions=able,
        state=state,
        now=tx.now,
        before=before,
        limit=limit,
    )
