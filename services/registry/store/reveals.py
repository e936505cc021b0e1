"""Who unveiled whose data: kept for the person concerned, for audits and for the day's budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
from sqlalchemy import text

from services.registry.store.bulk import fetch
from services.registry.store.persons import keyring
from shared.platform.database import Transaction
from shared.platform.vault import Wrapped, open_box, seal


@dataclass(frozen=True, slots=True, kw_only=True)
class Reveal:
    """One unveiling; it shows until `ends_at`."""

    reveal_id: UUID
    subject_id: UUID
    account_id: UUID
    role: str
    institution_id: UUID | None
    purpose: str
    reason: str
    at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Alarm:
    """An account that used up its budget on a day."""

    account_id: UUID
    day: date
    role: str
    institution_id: UUID | None
    at: datetime


_PLAIN: Final = tuple(name for name in Reveal.__slots__ if name != "reason")
_SELECT: Final = (
    f"select {', '.join(f'r.{name}' for name in _PLAIN)}, r.reason_box, dk.master, dk.wrapped"
    " from reveal r left join data_key dk on dk.subject_id = r.subject_id"
)


async def spend(tx: Transaction, budget: int) -> int:
    """Count one more for the caller today; one beyond the budget is the most it counts."""
    found = await tx.connection.execute(
        text(
            "insert into reveal_day as d (account_id, day, used) values (:account, :day, 1)"
            " on conflict (account_id, day) do update set used = least(d.used + 1, :most)"
            " returning used"
        ),
        {"account": tx.principal.account_id, "day": tx.today, "most": budget + 1},
    )
    return int(found.scalar_one())


async def raise_alarm(tx: Transaction) -> None:
    """The caller's budget is used up."""
    principal = tx.principal
    await tx.connection.execute(
        text(
            "insert into reveal_alarm values (:account, :day, :role, :institution, :at)"
            " on conflict do nothing"
        ),
        {
            "account": principal.account_id,
            "day": tx.today,
            "role": principal.role,
            "institution": principal.institution_id,
            "at": tx.now,
        },
    )


async def alarms(tx: Transaction, limit: int) -> list[Alarm]:
    """The newest alarms."""
    found = await tx.connection.execute(
        text(
            "select account_id, day, role, institution_id, at from reveal_alarm"
            " order by at desc limit :limit"
        ),
        {"limit": limit},
    )
    return [Alarm(*row) for row in found]


async def add(tx: Transaction, reveal: Reveal) -> None:
    """Keep an unveiling; the reason is sealed with the subject's own key."""
    stored = await _key(tx, reveal.subject_id)
    box = seal(stored, reveal.reason.encode(), bound_to=reveal.reveal_id.bytes) if stored else None
    values = {name: getattr(reveal, name) for name in _PLAIN}
    await tx.connection.execute(
        text(
            "insert into reveal (reveal_id, subject_id, account_id, role, institution_id, purpose,"
            " reason_box, at, ends_at) values (:reveal_id, :subject_id, :account_id, :role,"
            " :institution_id, :purpose, :box, :at, :ends_at)"
        ),
        values | {"box": box},
    )


async def find(tx: Transaction, reveal_id: UUID) -> Reveal | None:
    """An unveiling by its id."""
    found = await fetch(tx, f"{_SELECT} where r.reveal_id = $1", reveal_id)
    return _reveals(found)[0] if found else None


async def of_subject(
    tx: Transaction, subject_id: UUID, *, before: datetime | None, limit: int
) -> list[Reveal]:
    """Who unveiled a subject's data, the latest first."""
    return _reveals(
        await fetch(
            tx,
            f"{_SELECT} where r.subject_id = $1 and ($2::timestamptz is null or r.at < $2)"
            " order by r.at desc limit $3",
            subject_id,
            before,
            limit,
        )
    )


def _reveals(rows: Sequence[asyncpg.Record]) -> list[Reveal]:
    return [Reveal(reason=_reason(row), **{name: row[name] for name in _PLAIN}) for row in rows]


def _reason(row: asyncpg.Record) -> str:
    if row["reason_box"] is None or row["wrapped"] is None:
        return ""
    key = keyring().unwrap(row["subject_id"], Wrapped(row["master"], row["wrapped"]))
    return open_box(key, row["reason_box"], bound_to=row["reveal_id"].bytes).decode()


async def _key(tx: Transaction, subject_id: UUID) -> bytes | None:
    rows = await fetch(tx, "select master, wrapped from data_key where subject_id = $1", subject_id)
    return keyring().unwrap(subject_id, Wrapped(*rows[0])) if rows else None


def shows_until(now: datetime, minutes: int) -> datetime:
    """When an unveiling ends."""
    return now + timedelta(minutes=minutes)
