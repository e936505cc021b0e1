"""The one consumer of reporting: events become facts, facts are folded, signed rows are replaced.

Everything happens in the consumer's transaction. The enterprises that a batch touches are folded
again from all their facts; rows known before the batch stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import asyncpg

from services.reporting.domain.facts import ENROLLED, MERGED, UNMERGED, Fact, Learnt, learnt
from services.reporting.domain.families import fold_family, kin_of
from services.reporting.domain.fold import fold
from services.reporting.store import deltas, facts, labels, pulse
from services.reporting.store.deltas import OwnRow
from shared.contracts import allocation, credit, registry, visits
from shared.contracts.event import Received
from shared.platform.consumer import Consumer
from shared.platform.database import Transaction

NAME: Final = "reporting.figures"
TOPICS: Final = (registry.TOPIC, allocation.TOPIC, visits.TOPIC, credit.TOPIC)


async def take_in(events: Sequence[Received], tx: Transaction) -> None:
    """Take a batch of events in: facts, signed rows, labels and the pulse."""
    if not events:
        return
    connection = await tx.driver()
    seen = {
        (received.topic, received.part): received.known_at
        for received in sorted(events, key=lambda one: one.known_at)
    }
    await pulse.beat(connection, seen)
    await labels.save(connection, labels.labels_of(received.event for received in events))
    new = [one for one in map(learnt, events) if one]
    if new:
        kin = await _kin(connection, new)
        since, known = _since(new, kin), await facts.learn(connection, new)
        if others := since.keys() - known.keys():
            known |= await facts.of(connection, others)
        await deltas.replace(connection, since, list(_rows(known, since, kin)))


Kin = Mapping[bytes, frozenset[bytes]]


async def _kin(connection: asyncpg.Connection, new: Sequence[Learnt]) -> Kin:
    """The families of the enterprises touched: those merged, where both have heard of it.

    A batch that touches one who has heard of a merger waits for all others that do, so the rows of
    the other one, in a partition that is not ours, may be made again here.
    """
    touched = {one.enterprise for one in new}
    told = {
        (one.enterprise, one.fact.parent)
        for one in new
        if one.fact.type in (MERGED, UNMERGED) and one.fact.parent
    }
    heard = told | await facts.mergers(connection)
    if not any(one in touched for one, _ in heard):
        return {}
    await facts.hold_mergers(connection)
    kin = kin_of(told | await facts.mergers(connection))
    return {each: family for each, family in kin.items() if family & touched}


def _since(new: Sequence[Learnt], kin: Kin) -> dict[bytes, int]:
    """The first new instant of each touched enterprise: its rows from there on are made again."""
    since: dict[bytes, int] = {}
    for one in new:
        at = one.fact.known_us
        for each in kin.get(one.enterprise, (one.enterprise,)):
            since[each] = min(at, since.get(each, at))
    return since


def _rows(known: dict[bytes, list[Fact]], since: dict[bytes, int], kin: Kin) -> Iterator[OwnRow]:
    for enterprise, all_facts in known.items():
        if enterprise in kin:
            continue
        for campaign in campaigns_of(all_facts):
            for row in fold(all_facts, campaign):
                if row.known_us >= since[enterprise]:
                    yield OwnRow(enterprise, campaign, row)
    for own in family_rows(known, kin):
        if own.row.known_us >= since[own.enterprise]:
            yield own


def family_rows(known: Mapping[bytes, Sequence[Fact]], kin: Kin) -> Iterator[OwnRow]:
    """The rows of all families."""
    for family in set(kin.values()):
        told = {each: known.get(each, ()) for each in sorted(family)}
        for campaign in campaigns_of([fact for some in told.values() for fact in some]):
            for enterprise, rows in fold_family(told, campaign).items():
                for row in rows:
                    yield OwnRow(enterprise, campaign, row)


def campaigns_of(all_facts: Sequence[Fact]) -> list[bytes]:
    """The campaigns an enterprise is enrolled in."""
    return sorted({fact.campaign for fact in all_facts if fact.type == ENROLLED and fact.campaign})


CONSUMER: Final = Consumer(NAME, topics=TOPICS, batch=take_in, batch_size=3_000)
