"""Every SQL statement about requests for a second person."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.approvals import Approval

_COLUMNS = (
    "approval_id, action, subject, summary, payload, payload_sha256, requested_by, institution_id,"
    " requested_at, expires_at, decided_by, decided_at, reason,"
    " case when state = 'open' and expires_at <= :now then 'expired' else state end as state"
)


def _approval(row: Any) -> Approval:
    values = dict(row)
    raw = values["payload"]
    values["payload"] = msgspec.json.decode(raw) if isinstance(raw, str) else raw
    return Approval(**values)


async def add(connection: AsyncConnection, approval: Approval) -> None:
    """Add a request."""
    await connection.execute(
        text(
            "insert into approval (approval_id, action, subject, summary, payload, payload_sha256,"
            " requested_by, institution_id, requested_at, expires_at) values (:id, :action,"
            " :subject, :summary, cast(:payload as jsonb), :sha256, :by, :institution, :at, :until)"
        ),
        {
            "id": approval.approval_id,
            "action": approval.action,
            "subject": approval.subject,
            "summary": approval.summary,
            "payload": msgspec.json.encode(approval.payload).decode(),
            "sha256": approval.payload_sha256,
            "by": approval.requested_by,
            "institution": approval.institution_id,
            "at": approval.requested_at,
            "until": approval.expires_at,
        },
    )


async def find(
    connection: AsyncConnection, approval_id: UUID, *, now: datetime, lock: bool = False
) -> Approval | None:
    """The request of this id, as it stands at an instant."""
    found = await connection.execute(
        text(
            f"select {_COLUMNS} from approval where approval_id = :id"
            f"{' for update' if lock else ''}"
        ),
        {"id": approval_id, "now": now},
    )
    row = found.mappings().one_or_none()
    return _approval(row) if row else None


async def page(
    connection: AsyncConnection,
    *,
    everything: bool,
    account_id: UUID | None,
    institution_id: UUID | None,
    actions: Sequence[str],
    state: str | None,
    now: datetime,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Approval]:
    """Requests, newest first: one's own, and those of one's bank for some actions."""
    found = await connection.execute(
        text(
            f"select * from (select {_COLUMNS} from approval) as one"
            " where (cast(:state as text) is null or state = :state)"
            " and (cast(:at as timestamptz) is null or (requested_at, approval_id) < (:at, :id))"
            " and (:everything or requested_by = :account"
            " or (institution_id = :institution and action = any(:actions)))"
            " order by requested_at desc, approval_id desc limit :limit"
        ),
        {
            "everything": everything,
            "account": account_id,
            "institution": institution_id,
            "actions": list(actions),
            "state": state,
            "now": now,
            "at": before[0] if before else None,
            "id": before[1] if before else None,
            "limit": limit,
        },
    )
    return [_approval(row) for row in found.mappings()]


async def decide(
    connection: AsyncConnection, approval_id: UUID, *, state: str, by: UUID, at: datetime, why: str
) -> None:
    """Keep a decision."""
    await connection.execute(
        text(
            "update approval set state = :state, decided_by = :by, decided_at = :at, reason = :why"
            " where approval_id = :id"
        ),
        {"id": approval_id, "state": state, "by": by, "at": at, "why": why},
    )


async def withdraw(connection: AsyncConnection, approval_id: UUID, *, at: datetime) -> None:
    """Close a request that nobody has decided on."""
    await connection.execute(
        text("update approval set state = 'withdrawn', decided_at = :at where approval_id = :id"),
        {"id": approval_id, "at": at},
    )
