"""What takes two people: the second one's word, asked for where the first one acts.

The maker asks at identity, with the body of the call that is to be made; somebody else agrees there
and identity says so (`ApprovalDecided`). The maker then makes the call, with the approval's id in
`X-Approval`, and `require` lets exactly that body through, once. So the answer goes to the one who
acts, there is one code path whether two people are asked for or not, and what the second person saw
is what is done.
"""

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import Depends, Request
from sqlalchemy import text

from shared.contracts.event import Received
from shared.contracts.identity import ApprovalDecided
from shared.kernel.errors import BadInput, Conflict
from shared.kernel.permissions import two_people
from shared.platform.consumer import Consumer
from shared.platform.database import Transaction

HEADER = "x-approval"

APPROVALS_UP = """
create table approval (approval_id uuid primary key, action text not null, subject text not null,
    payload_sha256 text not null, approved boolean not null, requested_by uuid not null,
    decided_by uuid not null, expires_at timestamptz not null, used_at timestamptz,
    check (decided_by <> requested_by));
"""
"""A service's copy of decided requests; a migration of a service that asks for any makes it."""

_KEEP = """
insert into approval (approval_id, action, subject, payload_sha256, approved, requested_by,
                      decided_by, expires_at)
values (:approval_id, :action, :subject, :payload_sha256, :approved, :requested_by, :decided_by,
        :expires_at)
on conflict do nothing
"""


@dataclass(frozen=True, slots=True)
class Presented:
    """What a call brings: an approval's id, if any, and the digest of its own body."""

    approval_id: UUID | None
    payload_sha256: str


async def presented(request: Request) -> Presented:
    """Read both from a call with a JSON body.

    Raises: BadInput `approval.malformed`.
    """
    body = await request.body()
    given = request.headers.get(HEADER)
    try:
        approval_id = UUID(given) if given else None
        payload = msgspec.json.decode(body) if body else {}
    except (ValueError, msgspec.MsgspecError) as error:
        raise BadInput("approval.malformed", "请求头 X-Approval 应为复核编号") from error
    return Presented(approval_id, payload_sha256(payload))


Approval = Annotated[Presented, Depends(presented)]


def payload_sha256(payload: Any) -> str:
    """The digest of a JSON value, whatever the order of its fields and its spaces."""
    return hashlib.sha256(msgspec.json.encode(payload, order="deterministic")).hexdigest()


async def require(tx: Transaction, given: Presented, *, action: str, subject: str) -> None:
    """Let a call through that somebody else agreed to, and use the agreement up.

    Raises: Conflict `approval.required`, `.pending` (not decided, or not heard of yet),
    `.rejected`, `.other` (agreed to for another person or another body), `.expired`, `.used`.
    """
    title = two_people()[action].title
    if given.approval_id is None:
        raise Conflict(
            "approval.required",
            "此操作须由另一人复核",
            f"请先提出“{title}”({action})的复核申请,通过后带上请求头 X-Approval 再提交同样的内容",
        )
    row = (
        await tx.connection.execute(
            text("select * from approval where approval_id = :id for update"),
            {"id": given.approval_id},
        )
    ).one_or_none()
    if row is None:
        raise Conflict("approval.pending", "复核尚未通过", "请在复核通过后重试")
    asked = (action, subject, given.payload_sha256, tx.principal.account_id)
    if asked != (row.action, row.subject, row.payload_sha256, row.requested_by):
        raise Conflict("approval.other", "复核的不是这项操作", "操作人或内容与申请时不同")
    if not row.approved:
        raise Conflict("approval.rejected", "复核未通过")
    if row.used_at is not None:
        raise Conflict("approval.used", "该复核已使用过", "请重新提出申请")
    if row.expires_at <= tx.now:
        raise Conflict("approval.expired", "该申请已过期", "请申请人重新提出")
    await tx.connection.execute(
        text("update approval set used_at = :now where approval_id = :id"),
        {"id": given.approval_id, "now": tx.now},
    )
    both = {"requested_by": row.requested_by, "decided_by": row.decided_by}
    tx.audit(
        "approval.used", given.approval_id, after={"action": action, "subject": subject, **both}
    )


def approvals_consumer(service: str) -> Consumer:
    """The consumer that keeps a service's copy of decided requests."""
    return Consumer(f"{service}.approvals", ("identity.events",), {ApprovalDecided: _keep})


async def _keep(received: Received, tx: Transaction) -> None:
    event = received.event
    assert isinstance(event, ApprovalDecided)  # the loop dispatches by class
    names = ("approval_id", "action", "subject", "payload_sha256", "approved", "requested_by")
    values = {name: getattr(event, name) for name in (*names, "decided_by", "expires_at")}
    await tx.connection.execute(text(_KEEP), values)
