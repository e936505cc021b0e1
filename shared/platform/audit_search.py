"""Searching the audit trail: a caller sees its own organisation's, an auditor all."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec

from shared.kernel.periods import SHANGHAI
from shared.platform.conditions import Conditions
from shared.platform.database import Transaction
from shared.platform.reach import reach_of

SEE_ALL = ("auditor", "platform_admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """What to look for; `since` and `until` are days, both included. `before`: the cursor's id."""

    org: str | None = None
    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: date | None = None
    until: date | None = None
    before: int | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class AuditLine:
    """Who did what to which subject; `n` and `hash` are its place in its organisation's chain.

    `n` is None for the moment until the line is linked.
    """

    id: int
    org: str
    n: int | None
    at: datetime
    actor: str
    action: str
    subject: str
    before: Any
    after: Any
    trace: str
    hash: str | None


async def page(tx: Transaction, wanted: AuditFilter) -> list[AuditLine]:
    """One more than `limit` lines, newest first."""
    conditions = Conditions()
    if tx.principal.role not in (None, *SEE_ALL):
        conditions.add("a.org = {}", reach_of(tx.principal).org)
    for name in ("org", "actor", "subject"):
        conditions.add_given(f"a.{name} = {{}}", getattr(wanted, name))
    if wanted.action:  # `visit.` finds everything about visits
        conditions.add("a.action ^@ {}", wanted.action)
    if wanted.since:
        conditions.add("a.at >= {}", datetime.combine(wanted.since, time(), SHANGHAI))
    if wanted.until:
        end = datetime.combine(wanted.until + timedelta(days=1), time(), SHANGHAI)
        conditions.add("a.at < {}", end)
    conditions.add_given("a.id < {}", wanted.before)
    limit = conditions.bind(wanted.limit + 1)
    driver = await tx.driver()
    rows = await driver.fetch(
        "select a.id, a.org, l.n, a.at, a.actor, a.action, a.subject, a.before, a.after, a.trace,"
        " encode(l.hash, 'hex') as hash from audit a left join audit_link l on l.audit_id = a.id"
        f"{conditions.sql} order by a.id desc limit {limit}",
        *conditions.values,
    )
    return [
        AuditLine(**dict(row) | {name: _value(row[name]) for name in ("before", "after")})
        for row in rows
    ]


def _value(stored: Any) -> Any:
    return msgspec.json.decode(stored) if isinstance(stored, str) else stored
