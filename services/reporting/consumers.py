"""The one consumer of reporting: events become facts, facts are folded, signed rows are replaced.

Everything happens in the consumer's transaction. The enterprises that a batch touches are folded
again from all their facts; rows known before the batch stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from services.reporting.domain.facts import ENROLLED, Fact, Learnt, learnt
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
        since, known = _since(new), await facts.learn(connection, new)
        await deltas.replace(connection, since, list(_rows(known, since)))


def _since(new: Sequence[Learnt]) -> dict[bytes, int]:
    """The first new instant of each touched enterprise: its rows from there on are made again."""
    since: dict[bytes, int] = {}
    for one in new:
        at = one.fact.known_us
        since[one.enterprise] = min(at, since.get(one.enterprise, at))
    return since


def _rows(known: dict[bytes, list[Fact]], since: dict[bytes, int]) -> Iterator[OwnRow]:
    for enterprise, all_facts in known.items():
        for campaign in campaigns_of(all_facts):
            for row in fold(all_facts, campaign):
                if row.known_us >= since[enterprise]:
                    yield OwnRow(enterprise, campaign, row)


def campaigns_of(all_facts: Sequence[Fact]) -> list[bytes]:
    """The campaigns an enterprise is enrolled in."""
    return sorted({fact.campaign for fact in all_facts if fact.type == ENROLLED and fact.campaign})


CONSUMER: Final = Consumer(NAME, topics=TOPICS, batch=take_in, batch_size=3_000)
