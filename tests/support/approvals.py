"""A second person's word, as identity says it."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx2

from shared.contracts.identity import ApprovalDecided
from shared.platform.approvals import payload_sha256
from tests.support.stack import Caller, Stack


async def agreed(
    stack: Stack,
    *,
    action: str,
    subject: str,
    body: Any,
    by: UUID,
    approved: bool = True,
    expires_at: datetime | None = None,
) -> UUID:
    """Somebody else decided on what `by` asked for, and the services have heard of it."""
    decided = ApprovalDecided(
        approval_id=uuid4(),
        action=action,
        subject=subject,
        payload_sha256=payload_sha256(body),
        approved=approved,
        requested_by=by,
        decided_by=uuid4(),
        expires_at=expires_at or datetime(2099, 1, 1, tzinfo=UTC),
        decided_on=date(2022, 10, 8),
    )
    await stack.publish(decided)
    await stack.settle()
    return decided.approval_id


async def by_two(
    stack: Stack, caller: Caller, path: str, body: Any, *, action: str, subject: object
) -> httpx2.Response:
    """The caller does what somebody else has agreed to."""
    assert caller.account_id
    approval_id = await agreed(
        stack, action=action, subject=str(subject), body=body, by=caller.account_id
    )
    return await caller.post(path, json=body, headers={"x-approval": str(approval_id)})
