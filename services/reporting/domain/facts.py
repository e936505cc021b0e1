"""A fact: what one event says about one enterprise, reduced to what figures need.

Instants are microseconds since 1970, days are ordinals and ids are the sixteen bytes of a UUID:
millions of facts are compared and written, and these forms are the ones that are compared fastest
and written as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple
from uuid import UUID

from shared.contracts import allocation, credit, registry, visits
from shared.contracts.event import Event, Received, contract_of

#: The order of topics inside one instant; the position is stored, so only append.
TOPICS: Final = (registry.TOPIC, allocation.TOPIC, visits.TOPIC, credit.TOPIC)
_TOPIC_BITS: Final = 40
_TOPIC_BASES: Final = {topic: at << _TOPIC_BITS for at, topic in enumerate(TOPICS)}

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

#: Flags of a fact. One bit, one question.
COMPLETE: Final = 1  # a visit with photo, place and interviewee (JS-10)
NEW_MONEY: Final = 2  # no renewal, extension, refinancing or restructuring (ST-10)
TIER_2: Final = 4  # an assignment to an institution (JS-07), not to a bureau
HAS_LOAN: Final = 8  # the list says the enterprise has a loan balance (JS-05)
APPROVED: Final = 16  # a decision that approves
REMOTE: Final = 32  # a visit at a distance (JS-13)
CANCELLED: Final = 128  # the bureau agreed that it is cancelled, and not only hard to find (R9)
SURVIVES: Final = 64  # the enterprise under which a merged one counts (R3)


class Fact(NamedTuple):
    """One event as learnt, in the form the fold reads.

    `cause` names the event within its enterprise: topic and per-key sequence, the same on every
    transport. `day` is the business date; `ref` the thing itself (visit, line, drawdown, …) and
    `parent` what it belongs to (a drawdown's loan, a need's visit).
    """

    known_us: int
    cause: int
    type: int
    day: int
    ref: bytes | None
    parent: bytes | None
    institution: bytes | None
    outlet: bytes | None
    campaign: bytes | None
    county: int
    fen: int
    flags: int


Raw = Callable[[Any], bytes]
Ordinal = Callable[[Any], int]
Head = tuple[int, int]
Reader = Callable[[Any, Head, Raw, Raw, Ordinal], Fact]
#: Millions are made: this is a third of the cost of calling the class.
_fact: Final[Callable[[tuple[Any, ...]], Fact]] = partial(tuple.__new__, Fact)


class Learnt(NamedTuple):
    """A fact with what an auditor asks of it: which enterprise, which event, who, recorded when."""

    enterprise: bytes
    fact: Fact
    event_id: bytes
    actor: bytes | None
    recorded_us: int


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970 of an aware instant."""
    past = instant - _EPOCH
    return (past.days * 86_400 + past.seconds) * 1_000_000 + past.microseconds


def instant_of(us: int) -> datetime:
    """The aware instant (UTC) of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=us)


def cause_of(topic: str, seq: int) -> int:
    """The number of an event within its enterprise, ordered by topic, then sequence."""
    return _TOPIC_BASES[topic] | seq


def seq_of(cause: int) -> int:
    """The per-key sequence in a cause."""
    return cause & ((1 << _TOPIC_BITS) - 1)


#: type code → event class. A code is stored: never renumber, only append.
TYPES: Final[dict[int, type[Event]]] = {
    1: registry.EnterpriseListed,
    2: registry.EnterpriseChanged,
    3: allocation.EnterpriseEnrolled,
    4: allocation.EnterpriseAssigned,
    5: allocation.EnterpriseUnassigned,
    6: allocation.ContactNamed,
    7: visits.VisitLogged,
    8: visits.VisitVoided,
    9: visits.NeedRecorded,
    10: credit.ApplicationFiled,
    11: credit.ApplicationDecided,
    12: credit.CreditLineApproved,
    13: credit.LoanGranted,
    14: credit.LoanDrawn,
    15: credit.RepaymentBooked,
    16: credit.LoanReversed,
    17: registry.EnterprisesMerged,
    18: registry.EnterprisesUnmerged,
    19: registry.EnterpriseDisposed,
}
(
    LISTED, CHANGED, ENROLLED, ASSIGNED, UNASSIGNED, NAMED, VISITED, VOIDED, NEEDED, FILED, DECIDED,
    LINE, GRANTED, DRAWN, REPAID, REVERSED, MERGED, UNMERGED,
    DISPOSED,
) = TYPES  # fmt: skip
CODES: Final = {event: code for code, event in TYPES.items()}


def wire_type(code: int) -> str:
    """The wire type (`VisitLogged.v1`) of a stored type code."""
    return contract_of(TYPES[code]).type


def learnt(received: Received) -> Learnt | None:
    """The fact an event states about one enterprise; None where it states none."""
    event: Any = received.event
    code = CODES.get(type(event))
    if code is None:
        return None
    known_us, cause = microseconds(received.known_at), cause_of(received.topic, received.seq)
    fact = READERS[code](event, (known_us, cause), _bytes, _bytes, date.toordinal)
    return Learnt(
        event.enterprise_id.bytes,
        fact,
        received.id.bytes,
        account(received.actor),
        microseconds(received.recorded_at),
    )


@lru_cache(maxsize=65_536)
def account(actor: str) -> bytes | None:
    """The account that acted; None: the platform itself."""
    try:
        return UUID(actor).bytes
    except ValueError:
        return None


def _bytes(identifier: UUID) -> bytes:
    return identifier.bytes


# One reader per event. `e` is Any on purpose: the table below pairs each with its class, or with a
# struct of the same fields as text (`quick.py`). `head` is instant and cause; `i` makes ids of
# either, `s` those that many events share (institutions, outlets, campaigns), `d` days.


def _listed(e: Any, head: Head, _i: Raw, _s: Raw, _d: Ordinal) -> Fact:
    # A list speaks for the day as of which it stands, not for the day it was typed in.
    day = date.fromisoformat(e.list_vintage).toordinal()
    county, flags = int(e.region_code), HAS_LOAN if e.has_loan else 0
    return _fact((*head, LISTED, day, None, None, None, None, None, county, 0, flags))


def _changed(e: Any, head: Head, _i: Raw, _s: Raw, d: Ordinal) -> Fact:
    day = d(e.valid_from)
    return _fact((*head, CHANGED, day, None, None, None, None, None, int(e.region_code), 0, 0))


def _enrolled(e: Any, head: Head, _i: Raw, s: Raw, d: Ordinal) -> Fact:
    day, campaign = d(e.opens_on), s(e.campaign_id)
    county = int(e.region_code)
    return _fact((*head, ENROLLED, day, None, None, None, None, campaign, county, 0, 0))


def _assigned(e: Any, head: Head, i: Raw, s: Raw, d: Ordinal) -> Fact:
    institution = s(e.institution_id) if e.institution_id else None
    return _fact((
        *head, ASSIGNED, d(e.assigned_on), i(e.assignment_id), None, institution,
        None, s(e.campaign_id), int(e.region_code), 0, TIER_2 if e.institution_id else 0,
    ))  # fmt: skip


def _unassigned(e: Any, head: Head, i: Raw, s: Raw, d: Ordinal) -> Fact:
    institution = s(e.institution_id) if e.institution_id else None
    return _fact((
        *head, UNASSIGNED, d(e.unassigned_on), i(e.assignment_id), None,
        institution, None, s(e.campaign_id), 0, 0, TIER_2 if e.institution_id else 0,
    ))  # fmt: skip


def _named(e: Any, head: Head, i: Raw, s: Raw, d: Ordinal) -> Fact:
    return _fact((
        *head, NAMED, d(e.named_on), i(e.assignment_id), None,
        s(e.institution_id), s(e.outlet_id), s(e.campaign_id), 0, 0, 0,
    ))  # fmt: skip


def _visited(e: Any, head: Head, i: Raw, s: Raw, d: Ordinal) -> Fact:
    flags = (COMPLETE if e.complete else 0) | (REMOTE if e.remote else 0)
    return _fact((
        *head, VISITED, d(e.visited_on), i(e.visit_id), None,
        s(e.institution_id), s(e.outlet_id), s(e.campaign_id), int(e.region_code), 0,
        flags,
    ))  # fmt: skip


def _voided(e: Any, head: Head, i: Raw, s: Raw, d: Ordinal) -> Fact:
    return _fact((
        *head, VOIDED, d(e.voided_on), i(e.visit_id), None,
        s(e.institution_id), None, s(e.campaign_id), 0, 0, 0,
    ))  # fmt: skip


def _needed(e: Any, head: Head, i: Raw, s: Raw, d: Ordinal) -> Fact:
    return _fact((
        *head, NEEDED, d(e.recorded_on), i(e.need_id), i(e.visit_id),
        s(e.institution_id), None, s(e.campaign_id), int(e.region_code), e.amount_fen, 0,
    ))  # fmt: skip


def _filed(e: Any, head: Head, i: Raw, s: Raw, d: Ordinal) -> Fact:
    return _fact((
        *head, FILED, d(e.filed_on), i(e.application_id), None,
        s(e.institution_id), s(e.outlet_id), None, int(e.region_code), e.amount_fen, 0,
    ))  # fmt: skip


def _decided(e: Any, head: Head, i: Raw, s: Raw, d: Ordinal) -> Fact:
    return _fact((
        *head, DECIDED, d(e.decided_on), i(e.application_id), None,
        s(e.institution_id), s(e.outlet_id), None, int(e.region_code), e.amount_fen,
        APPROVED if e.approved else 0,
    ))  # fmt: skip


def _line(e: Any, head: Head, i: Raw, s: Raw, d: Ordinal) -> Fact:
    return _fact((
        *head, LINE, d(e.approved_on), i(e.line_id), None,
        s(e.institution_id), s(e.outlet_id), None, int(e.region_code), e.amount_fen, 0,
    ))  # fmt: skip


def _granted(e: Any, head: Head, i: Raw, s: Raw, d: Ordinal) -> Fact:
    return _fact((
        *head, GRANTED, d(e.granted_on), i(e.loan_id),
        i(e.line_id) if e.line_id else None, s(e.institution_id), s(e.outlet_id), None,
        int(e.region_code), e.amount_fen, NEW_MONEY if e.origin == "new" else 0,
    ))  # fmt: skip


def _drawn(e: Any, head: Head, i: Raw, s: Raw, d: Ordinal) -> Fact:
    return _fact((
        *head, DRAWN, d(e.drawn_on), i(e.drawdown_id), i(e.loan_id),
        s(e.institution_id), s(e.outlet_id), None, int(e.region_code), e.amount_fen,
        NEW_MONEY if e.new_money else 0,
    ))  # fmt: skip


def _repaid(e: Any, head: Head, i: Raw, s: Raw, d: Ordinal) -> Fact:
    return _fact((
        *head, REPAID, d(e.repaid_on), i(e.repayment_id), i(e.loan_id),
        s(e.institution_id), s(e.outlet_id), None, 0, e.principal_fen, 0,
    ))  # fmt: skip


def _reversed(e: Any, head: Head, i: Raw, s: Raw, d: Ordinal) -> Fact:
    # `ref` is the drawdown taken back: the reversal itself is named by its event.
    return _fact((
        *head, REVERSED, d(e.reversed_on), i(e.drawdown_id), i(e.loan_id),
        s(e.institution_id), s(e.outlet_id), None, 0, e.amount_fen,
        NEW_MONEY if e.new_money else 0,
    ))  # fmt: skip


def _merged(e: Any, head: Head, i: Raw, _s: Raw, d: Ordinal) -> Fact:
    return _merger((*head, MERGED, d(e.merged_on)), e, i)


def _unmerged(e: Any, head: Head, i: Raw, _s: Raw, d: Ordinal) -> Fact:
    return _merger((*head, UNMERGED, d(e.unmerged_on)), e, i)


def _merger(first: tuple[int, int, int, int], e: Any, i: Raw) -> Fact:
    survives = e.enterprise_id == e.survivor_id
    other = i(e.merged_id if survives else e.survivor_id)
    flags = SURVIVES if survives else 0
    return _fact((*first, i(e.merger_id), other, None, None, None, 0, 0, flags))


def _disposed(e: Any, head: Head, i: Raw, _s: Raw, d: Ordinal) -> Fact:
    day, flags = d(e.disposed_on), CANCELLED if e.kind == "cancelled" else 0
    return _fact((*head, DISPOSED, day, i(e.disposition_id), *(None,) * 4, 0, 0, flags))


READERS: Final[dict[int, Reader]] = {
    LISTED: _listed,
    CHANGED: _changed,
    ENROLLED: _enrolled,
    ASSIGNED: _assigned,
    UNASSIGNED: _unassigned,
    NAMED: _named,
    VISITED: _visited,
    VOIDED: _voided,
    NEEDED: _needed,
    FILED: _filed,
    DECIDED: _decided,
    LINE: _line,
    GRANTED: _granted,
    DRAWN: _drawn,
    REPAID: _repaid,
    REVERSED: _reversed,
    MERGED: _merged,
    UNMERGED: _unmerged,
    DISPOSED: _disposed,
}
