"""Verify the trail from within: who did it, when, up to where, and what did not fit.

What is found is itself a line of the trail (`audit.verified`), so the newest one is its state.
"""

from dataclasses import dataclass, field
from datetime import datetime

from shared.platform.audit_check import Checked, Misfit, check_chains
from shared.platform.audit_search import SEE_ALL
from shared.platform.database import Transaction
from shared.platform.reach import reach_of

VERIFIED = "audit.verified"
MOST_HEADS = 50


@dataclass(frozen=True, slots=True)
class Verify:
    """Verify what the caller sees: its own organisation's chain, or all for an auditor."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found; `heads` are the numbers of the last lines that fit, by organisation.

    `misfits` counts chains that do not fit, `first` is the first of them.
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


async def verify(_command: Verify, tx: Transaction) -> Verified:
    """Recompute every hash that the caller may see (S20), and keep what was found."""
    own = None if tx.principal.role in (None, *SEE_ALL) else reach_of(tx.principal).org
    checked = Checked()
    await check_chains(await tx.driver(), checked, {}, org=own)
    first = checked.first
    found = Verified(
        at=tx.now,
        by=tx.principal.name,
        org=own or "",
        chains=len(checked.heads),
        lines=checked.lines,
        pending=checked.pending,
        misfits=len(checked.misfits),
        first=first,
        heads={org: n for org, (n, _) in sorted(checked.heads.items())[:MOST_HEADS]},
    )
    tx.audit(
        VERIFIED,
        own or "all",
        after={
            "chains": found.chains,
            "lines": found.lines,
            "pending": found.pending,
            "misfits": found.misfits,
            "first": first and {"org": first.org, "n": first.n, "what": first.what},
            "heads": found.heads,
        },
    )
    return found
