"""Verify the trail from within: who did it, when, up to where, and what did not fit.

A long trail is verified in parts, one call after another, for no call may take as long as the trail
is. How far a part came is a line of the trail (`audit.verifying`): the next goes on from what was
kept there, not from what its caller says. What is found in the end is a line as well
(`audit.verified`), so the newest one is its state.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from shared.kernel.errors import Conflict, NotFound
from shared.kernel.ids import new_id
from shared.platform.audit_check import Checked, Misfit, Walk
from shared.platform.audit_search import SEE_ALL
from shared.platform.clock import monotonic
from shared.platform.database import Transaction
from shared.platform.reach import reach_of

VERIFIED: Final = "audit.verified"
VERIFYING: Final = "audit.verifying"
MOST_HEADS: Final = 50
PART_SECONDS = 5.0
"""After so long a call ends, a third of what the gateway waits at the most."""
LONGEST: Final = timedelta(hours=2)
"""What was found so long ago says nothing about the trail as it is."""
_KEPT: Final = (
    "select at, after::text as after from audit where subject = $1 and action = $2 and actor = $3"
    " order by id desc limit 1"
)


@dataclass(frozen=True, slots=True)
class Verify:
    """Verify what the caller sees: its own organisation's chain, or all for an auditor.

    `verification_id` goes on with one begun before; None begins anew.
    """

    verification_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found; `heads` are the numbers of the last lines that fit, by organisation.

    `misfits` counts chains that do not fit, `first` is the first of them. With a `next_cursor` it
    is what was found so far, and a call with that goes on.
    """

    at: datetime
    by: str
    org: str
    chains: int
    lines: int
    pending: int
    misfits: int
    first: Misfit | None
    heads: dict[str, int] = field(default_factory=dict[str, int])
    next_cursor: str | None = None


class _Kept(msgspec.Struct, kw_only=True):
    """Where a part ended, and what all parts so far found; of many heads only the first."""

    only: str | None
    org: str
    n: int
    hash: str
    loose: int | None
    chains: int = 0
    lines: int = 0
    pending: int = 0
    misfits: int = 0
    first: Misfit | None = None
    heads: dict[str, int]


async def verify(command: Verify, tx: Transaction) -> Verified:
    """Recompute every hash that the caller may see (S20), for some seconds; keep what was found.

    Raises: NotFound `audit.verification_unknown`; Conflict `audit.verification_old`.
    """
    own = None if tx.principal.role in (None, *SEE_ALL) else reach_of(tx.principal).org
    before = await _kept(tx, command.verification_id, own)
    walk = Walk(Checked(), own, before.org, before.n, bytes.fromhex(before.hash), before.loose)
    driver, until = await tx.driver(), monotonic() + PART_SECONDS
    while not walk.done:
        await walk.step(driver)
        if monotonic() >= until:
            break
    now = _with(before, walk)
    found = Verified(
        at=tx.now,
        by=tx.principal.name,
        org=own or "",
        chains=now.chains,
        lines=now.lines,
        pending=now.pending,
        misfits=now.misfits,
        first=now.first,
        heads=now.heads,
        next_cursor=None if walk.done else str(command.verification_id or new_id()),
    )
    if found.next_cursor:
        tx.audit(VERIFYING, found.next_cursor, after=msgspec.to_builtins(now))
    else:
        tx.audit(VERIFIED, own or "all", after=_told(found))
    return found


async def _kept(tx: Transaction, verification_id: UUID | None, own: str | None) -> _Kept:
    if verification_id is None:
        return _Kept(only=own, org=own or "", n=0, hash=bytes(32).hex(), loose=None, heads={})
    driver = await tx.driver()
    row = await driver.fetchrow(_KEPT, str(verification_id), VERIFYING, tx.principal.name)
    kept = msgspec.json.decode(row["after"], type=_Kept) if row else None
    if row is None or kept is None or kept.only != own:
        raise NotFound("audit.verification_unknown", "没有这次核验", "请重新核验")
    if tx.now - row["at"] > LONGEST:
        raise Conflict("audit.verification_old", "这次核验中断太久", "请重新核验")
    return kept


def _with(before: _Kept, walk: Walk) -> _Kept:
    """What was found before and in this part, together."""
    found = walk.checked
    firsts = [one for one in (before.first, found.first) if one]
    heads = before.heads | {org: n for org, (n, _) in found.heads.items()}
    # The chain in which the part before ended was counted there.
    begun = set(found.heads) - ({before.org} if before.n else set())
    return _Kept(
        only=walk.only,
        org=walk.org,
        n=walk.n,
        hash=walk.hash.hex(),
        loose=walk.loose,
        chains=before.chains + len(begun),
        lines=before.lines + found.lines,
        pending=before.pending + found.pending,
        misfits=before.misfits + len(found.misfits),
        first=min(firsts, key=lambda one: (one.org, one.n), default=None),
        heads=dict(sorted(heads.items())[:MOST_HEADS]),
    )


def _told(found: Verified) -> dict[str, Any]:
    first = found.first
    return {
        "chains": found.chains,
        "lines": found.lines,
        "pending": found.pending,
        "misfits": found.misfits,
        "first": first and {"org": first.org, "n": first.n, "what": first.what},
        "heads": found.heads,
    }
