"""Mergers, former names and dispositions as stored."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from services.registry.store.bulk import fetch
from services.registry.store.queries import scope
from shared.platform.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Merger:
    """Two enterprises that count as one from `merged_on` on, until it is undone."""

    merger_id: UUID
    survivor_id: UUID
    merged_id: UUID
    merged_on: date
    reason: str
    recorded_by: str
    recorded_at: datetime
    undone_on: date | None = None
    undone_reason: str | None = None
    undone_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DispositionRecord:
    """How a bank found an enterprise; `state`: claimed, approved or refused."""

    disposition_id: UUID
    enterprise_id: UUID
    kind: str
    disposed_on: date
    evidence: str
    state: str
    claimed_by: str
    institution_id: UUID | None
    claimed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    decision_reason: str | None = None


@dataclass(frozen=True, slots=True)
class FormerName:
    """A name an enterprise had until a day."""

    name: str
    valid_to: date
    reason: str


@dataclass(frozen=True, slots=True)
class Namesakes:
    """Enterprises of one name with different credit codes: one, or really two?"""

    name: str
    enterprise_ids: list[UUID]
    usccs: list[str]


_MERGER: Final = ", ".join(Merger.__slots__)
_DISPOSITION: Final = ", ".join(f"d.{name}" for name in DispositionRecord.__slots__)


async def lock_enterprises(tx: Transaction, ids: list[UUID]) -> dict[UUID, UUID | None]:
    """Enterprise → what it was merged into; locked in one order."""
    rows = await fetch(
        tx,
        "select enterprise_id, merged_into from enterprise where enterprise_id = any($1::uuid[])"
        " order by enterprise_id for update",
        ids,
    )
    return {row[0]: row[1] for row in rows}


async def holds_others(tx: Transaction, enterprise_id: UUID) -> bool:
    """Whether others count under this enterprise."""
    rows = await fetch(tx, "select 1 from enterprise where merged_into = $1 limit 1", enterprise_id)
    return bool(rows)


async def add_merger(tx: Transaction, new: Merger) -> None:
    """Keep a merger, and let the one point to the other."""
    await _insert(tx, "merger", new)
    await _point(tx, new.merged_id, new.survivor_id)


async def find_merger(tx: Transaction, merger_id: UUID) -> Merger | None:
    """A merger, locked."""
    rows = await fetch(
        tx, f"select {_MERGER} from merger where merger_id = $1 for update", merger_id
    )
    return Merger(**dict(rows[0])) if rows else None


async def mergers_of(tx: Transaction, enterprise_id: UUID) -> list[Merger]:
    """All mergers an enterprise had part in, the latest first."""
    rows = await fetch(
        tx,
        f"select {_MERGER} from merger where survivor_id = $1 or merged_id = $1"
        " order by recorded_at desc",
        enterprise_id,
    )
    return [Merger(**dict(row)) for row in rows]


async def undo_merger(tx: Transaction, merger: Merger, reason: str) -> None:
    """Take a merger back."""
    await tx.connection.execute(
        text(
            "update merger set undone_on = :day, undone_reason = :reason, undone_by = :by,"
            " undone_at = :at where merger_id = :id"
        ),
        {
            "day": tx.today,
            "reason": reason,
            "by": tx.principal.name,
            "at": tx.now,
            "id": merger.merger_id,
        },
    )
    await _point(tx, merger.merged_id, None)


async def _point(tx: Transaction, merged_id: UUID, survivor_id: UUID | None) -> None:
    await tx.connection.execute(
        text(
            "update enterprise set merged_into = :survivor, version = version + 1"
            " where enterprise_id = :merged"
        ),
        {"survivor": survivor_id, "merged": merged_id},
    )


async def namesakes(tx: Transaction, after: str, limit: int) -> list[Namesakes]:
    """Names borne by several enterprises that are not merged, by name."""
    condition, parameters = scope(tx.principal)
    found = await tx.connection.execute(
        text(
            "select e.name, array_agg(e.enterprise_id order by e.uscc) as ids,"
            " array_agg(cast(e.uscc as text) order by e.uscc) as usccs from enterprise e"
            f" where {condition} and e.merged_into is null and e.name > :after"
            " group by e.name having count(*) > 1 order by e.name limit :limit"
        ),
        parameters | {"after": after, "limit": limit},
    )
    return [Namesakes(row.name, list(row.ids), list(row.usccs)) for row in found]


async def rename(
    tx: Transaction, enterprise_id: UUID, *, old: str, new: str, valid_from: date, reason: str
) -> None:
    """Give an enterprise a new name from a day on; the old one stays known."""
    values = {
        "id": enterprise_id,
        "old": old,
        "new": new,
        "day": valid_from,
        "reason": reason,
        "by": tx.principal.name,
        "at": tx.now,
    }
    await tx.connection.execute(
        text(
            "insert into enterprise_former_name values (:id, :old, :day, :reason, :by, :at)"
            " on conflict (enterprise_id, valid_to) do nothing"
        ),
        values,
    )
    await tx.connection.execute(
        text("update enterprise set name = :new, version = version + 1 where enterprise_id = :id"),
        values,
    )
    await tx.connection.execute(
        text("update enterprise_name set name = :new where enterprise_id = :id"), values
    )


async def former_names(tx: Transaction, enterprise_id: UUID) -> list[FormerName]:
    """The names an enterprise had, the oldest first."""
    rows = await fetch(
        tx,
        "select name, valid_to, reason from enterprise_former_name where enterprise_id = $1"
        " order by valid_to",
        enterprise_id,
    )
    return [FormerName(*row) for row in rows]


async def add_disposition(tx: Transaction, new: DispositionRecord) -> None:
    """Keep a claim.

    Raises: IntegrityError, where another one of the enterprise waits for its decision.
    """
    await _insert(tx, "disposition", new)


async def find_disposition(tx: Transaction, disposition_id: UUID) -> DispositionRecord | None:
    """A disposition of an enterprise the caller may see, locked."""
    condition, parameters = scope(tx.principal)
    found = await tx.connection.execute(
        text(
            f"select {_DISPOSITION} from disposition d join enterprise e using (enterprise_id)"
            f" where d.disposition_id = :id and {condition} for update of d"
        ),
        parameters | {"id": disposition_id},
    )
    row = found.mappings().one_or_none()
    return DispositionRecord(**row) if row else None


async def waiting(tx: Transaction, enterprise_id: UUID) -> bool:
    """Whether a disposition of the enterprise waits for its decision."""
    rows = await fetch(
        tx,
        "select 1 from disposition where enterprise_id = $1 and state = 'claimed'",
        enterprise_id,
    )
    return bool(rows)


async def find_dispositions(
    tx: Transaction,
    *,
    state: str | None,
    enterprise_id: UUID | None,
    after: UUID | None,
    limit: int,
) -> list[DispositionRecord]:
    """Dispositions of enterprises the caller may see, the oldest first."""
    condition, parameters = scope(tx.principal)
    found = await tx.connection.execute(
        text(
            f"select {_DISPOSITION} from disposition d join enterprise e using (enterprise_id)"
            f" where {condition} and (cast(:state as text) is null or d.state = :state)"
            " and (cast(:enterprise as uuid) is null or d.enterprise_id = :enterprise)"
            " and (cast(:after as uuid) is null or d.disposition_id > :after)"
            " order by d.disposition_id limit :limit"
        ),
        parameters | {"state": state, "enterprise": enterprise_id, "after": after, "limit": limit},
    )
    return [DispositionRecord(**row) for row in found.mappings()]


async def decide(tx: Transaction, record: DispositionRecord, state: str, reason: str) -> None:
    """Approve or refuse a claim; an approved `cancelled` marks the enterprise."""
    values = {
        "state": state,
        "by": tx.principal.name,
        "at": tx.now,
        "reason": reason,
        "id": record.disposition_id,
        "day": record.disposed_on,
        "enterprise": record.enterprise_id,
    }
    await tx.connection.execute(
        text(
            "update disposition set state = :state, decided_by = :by, decided_at = :at,"
            " decision_reason = :reason where disposition_id = :id"
        ),
        values,
    )
    if state == "approved" and record.kind == "cancelled":
        await tx.connection.execute(
            text(
                "update enterprise set cancelled_on = :day, version = version + 1"
                " where enterprise_id = :enterprise"
            ),
            values,
        )


async def _insert(tx: Transaction, table: str, new: Any) -> None:
    names = [name for name in type(new).__slots__ if getattr(new, name) is not None]
    await tx.connection.execute(
        text(
            f"insert into {table} ({', '.join(names)})"
            f" values ({', '.join(f':{name}' for name in names)})"
        ),
        {name: getattr(new, name) for name in names},
    )
