"""Enterprises merged and un-merged: past days and past cut-offs keep their figures (R3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from uuid import UUID

import pytest

from services.reporting.domain import kinds as k
from services.reporting.domain.facts import Fact, learnt
from services.reporting.domain.families import fold_family, kin_of, splice
from services.reporting.domain.fold import fold
from services.reporting.domain.rows import Row
from services.reporting.rebuild import rebuild
from shared.contracts.event import Received
from shared.contracts.registry import EnterprisesMerged, EnterprisesUnmerged
from shared.kernel.periods import Quarter
from tests.reporting.histories import (
    MERGED_ON,
    STEPS,
    World,
    a_history,
    a_world,
    enrolled,
    listed,
    merge,
    unmerge,
)
from tests.reporting.test_rebuild import publish, sources
from tests.reporting.test_service import all_rows, feed, get, opened, opened_numbers
from tests.support.stack import Stack


def more(world: World, enterprises: Iterable[UUID], events: int) -> None:
    """The history goes on."""
    some = list(enterprises)
    for _ in range(events):
        event = world.source.choice(STEPS)(world, world.source.choice(some))
        if event:
            world.teller.tell(event)


def facts_of(told: Iterable[Received], enterprises: Iterable[UUID]) -> dict[bytes, list[Fact]]:
    """The facts of some enterprises, each in knowledge order."""
    found: dict[bytes, list[Fact]] = {each.bytes: [] for each in enterprises}
    for one in filter(None, map(learnt, told)):
        if one.enterprise in found:
            found[one.enterprise].append(one.fact)
    return {each: sorted(facts) for each, facts in found.items()}


def sums(rows: Iterable[Row], *, before: int | None = None) -> dict[tuple[object, ...], list[int]]:
    """Stocks and flows by cell; of days before one, where it is given."""
    total: dict[tuple[object, ...], list[int]] = {}
    for row in rows:
        if before is None or row.day < before:
            cell = total.setdefault(
                (row.kind, row.institution, row.outlet, row.county, row.day), [0, 0]
            )
            cell[0] += row.n
            cell[1] += row.fen
    return {key: cell for key, cell in total.items() if cell != [0, 0]}


def stock(rows: Iterable[Row], kind: int, day: int) -> int:
    """A stock's count in the total, at the end of a day."""
    return sum(r.n for r in rows if r.kind in (kind, kind + k.MOVED) and r.day <= day)


def flat(rows: dict[bytes, list[Row]]) -> list[Row]:
    return [row for some in rows.values() for row in some]


@pytest.mark.parametrize("seed", range(40))
def test_R3_a_merger_moves_no_earlier_day_and_no_earlier_cut_off(seed: int) -> None:
    world = a_history(seed, events=90, enterprises=2)
    survivor, merged = world.enterprises
    alone = facts_of(world.teller.told, world.enterprises)
    merge(world, survivor, merged)
    facts = facts_of(world.teller.told, world.enterprises)
    merged_at = max(fact.known_us for some in facts.values() for fact in some)
    for campaign in (each.bytes for each in world.campaigns):
        before = {each: fold(some, campaign) for each, some in alone.items()}
        after = fold_family(facts, campaign)
        for each, rows in after.items():
            earlier = Counter(row for row in rows if row.known_us < merged_at)
            assert earlier == Counter(before[each])
            first = MERGED_ON.toordinal()
            assert sums(rows, before=first) == sums(before[each], before=first)
        # Who was not enrolled brings its loans in with the merger.
        both = all(any(row.kind == k.ON_LIST for row in rows) for rows in before.values())
        last = date(2023, 6, 30).toordinal()
        own = after[merged.bytes]
        # That one of them is cancelled says nothing of the other.
        gone = {k.GONE, k.GONE_SEEN, k.GONE_HELD, k.GONE_COVERED}
        for kind in k.STOCKS:
            assert stock(own, kind, last) == 0
            total = stock(flat(after), kind, last)
            assert total == stock(after[survivor.bytes], kind, last)
            # Together they may be covered where neither was: one held, the other visited.
            if both and kind not in {k.BALANCE, k.BORROWER, k.COVERED, *gone}:
                parts = [stock(rows, kind, last) for rows in before.values()]
                assert max(parts) <= total <= sum(parts)
        money = sum(r.fen for r in flat(before) if r.kind % k.MOVED == k.BALANCE)
        if both:
            assert sum(r.fen for r in flat(after) if r.kind % k.MOVED == k.BALANCE) == money


@pytest.mark.parametrize("seed", range(40))
def test_R3_merge_then_un_merge_restores_every_cell(seed: int) -> None:
    world = a_history(seed, events=70, enterprises=2)
    merger = merge(world, *world.enterprises)
    more(world, world.enterprises, 25)
    unmerge(world, merger)
    more(world, world.enterprises, 25)
    kinds = (EnterprisesMerged, EnterprisesUnmerged)
    without = [told for told in world.teller.told if not isinstance(told.event, kinds)]
    mixed = facts_of(world.teller.told, world.enterprises)
    alone = facts_of(without, world.enterprises)
    for campaign in (each.bytes for each in world.campaigns):
        found = fold_family(mixed, campaign)
        for each, facts in alone.items():
            assert sums(found[each]) == sums(fold(facts, campaign))


def test_R3_a_merger_counts_from_the_later_of_its_two_instants() -> None:
    world = a_history(3, events=40, enterprises=2)
    merge(world, *world.enterprises)
    facts = facts_of(world.teller.told[:-1], world.enterprises)
    for campaign in (each.bytes for each in world.campaigns):
        for each, rows in fold_family(facts, campaign).items():
            assert Counter(rows) == Counter(fold(facts[each], campaign))


def test_R3_kin_are_found_through_others() -> None:
    pairs = [(b"a", b"b"), (b"c", b"d"), (b"b", b"c"), (b"x", b"y")]
    kin = kin_of({*pairs, *((other, one) for one, other in pairs), (b"p", b"q")})
    assert kin[b"a"] == kin[b"d"] == {b"a", b"b", b"c", b"d"}
    assert kin[b"x"] == {b"x", b"y"}
    assert kin[b"p"] == {b"p"}
    assert b"q" not in kin


def test_R3_a_splice_with_itself_changes_nothing() -> None:
    cells = {(k.SEEN, b"i", b"o", 320505, 10): (1, 0), (k.VISIT, b"i", b"o", 320505, 20): (2, 0)}
    assert splice(cells, cells, 15) == cells
    ended = splice(cells, {}, 15)
    assert ended == {
        (k.SEEN, b"i", b"o", 320505, 10): (1, 0),
        (k.SEEN + k.MOVED, b"i", b"o", 320505, 15): (-1, 0),
    }


def a_merged_world(seed: int) -> World:
    world = a_history(seed, events=110)
    opened(world)
    one, two, three, *_ = world.enterprises
    merger = merge(world, one, two)
    merge(world, one, three, MERGED_ON + timedelta(days=20))
    more(world, world.enterprises, 40)
    unmerge(world, merger)
    more(world, world.enterprises, 20)
    return world


async def test_R3_batches_of_any_size_and_a_rebuild_leave_the_same_tables(stack: Stack) -> None:
    world = a_merged_world(31)
    await publish(stack, world)
    await stack.settle()
    before = await all_rows(stack)
    found = await rebuild(sources(stack))
    assert found.identical
    assert await all_rows(stack) == before
    whole = None
    for size in (1, 7, 10_000):
        await stack.empty()
        await feed(stack, world.teller.told, size=size)
        tables = await all_rows(stack)
        whole = whole or tables
        assert tables == whole


async def test_R3_topics_that_overtake_a_merger_leave_the_same_tables(stack: Stack) -> None:
    world = a_merged_world(32)
    await feed(stack, world.teller.told)
    whole = await all_rows(stack)
    for order in (1, -1):
        await stack.empty()
        by_partition = sorted(world.teller.told, key=lambda r: (order * r.part, r.topic, r.off))
        await feed(stack, by_partition, size=25)
        assert await all_rows(stack) == whole


async def test_R3_every_number_of_merged_enterprises_opens_to_events_that_sum_to_it(
    stack: Stack,
) -> None:
    world = a_merged_world(33)
    await feed(stack, world.teller.told)
    for quarter in ("2022Q2", "2022Q3"):
        assert await opened_numbers(stack, world, quarter=quarter) > 20


async def test_R3_last_years_figures_do_not_move(stack: Stack) -> None:
    world = a_world(5, enterprises=2)
    campaign = world.campaigns[0]
    opened(world)
    for each in world.enterprises:
        world.teller.tell(listed(world, each))
        world.teller.tell(enrolled(world, each, campaign))
    more(world, world.enterprises, 60)
    await feed(stack, world.teller.told)
    query = {"campaign_id": str(campaign), "quarter": str(Quarter(2022, 2))}
    before = await get(stack, "/figures", **query)
    told = len(world.teller.told)
    next_year = date(2023, 2, 1)
    merger = merge(world, *world.enterprises, next_year)
    await feed(stack, world.teller.told[told:])
    assert _numbers(await get(stack, "/figures", **query)) == _numbers(before)
    now = {"campaign_id": str(campaign), "quarter": str(Quarter(2023, 1))}
    assert _one(await get(stack, "/figures", **now), "listed") == 1
    told = len(world.teller.told)
    unmerge(world, merger)
    await feed(stack, world.teller.told[told:])
    assert _numbers(await get(stack, "/figures", **query)) == _numbers(before)
    assert _one(await get(stack, "/figures", **now), "listed") == 2


def _numbers(answer: dict) -> list:
    return answer["rows"], answer["total"]


def _one(answer: dict, metric: str) -> int:
    return answer["total"][metric]
