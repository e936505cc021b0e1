"""The rebuild from the event logs: row for row the tables of live consumption."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import asyncpg
import psycopg
import pytest

from services.reporting.consumers import CONSUMER
from services.reporting.domain.facts import TYPES, learnt, microseconds
from services.reporting.domain.quick import quick
from services.reporting.rebuild import Rebuilt, Sources, rebuild
from services.reporting.store.figures import Swapped
from services.reporting.usecases import Wanted, show_figures, show_lag
from shared.contracts.allocation import CampaignOpened
from shared.contracts.event import contract_of
from shared.contracts.registry import EnterpriseListed
from shared.kernel.periods import Quarter
from shared.platform.consumer import apply_records
from tests.reporting.histories import World, a_history, listed, merge, unmerge
from tests.reporting.test_service import all_rows, as_record, get, opened
from tests.support.stack import Stack


def sources(stack: Stack, *, processes: int = 2) -> Sources:
    """The stack's databases."""
    return Sources(
        owner_url=stack.databases["reporting"].owner_url,
        log_url=lambda service: stack.databases[service].log_url,
        processes=processes,
    )


async def publish(stack: Stack, world: World) -> None:
    """Emit the whole history from its owners' databases, in order, and let it be relayed."""
    for received in world.teller.told:
        await stack.publish(received.event)
        if world.source.random() < 0.1:
            await stack._move_outboxes()
    await stack._move_outboxes()


async def test_ST_05_a_rebuild_leaves_every_table_as_it_was(stack: Stack) -> None:
    world = a_history(21, events=110)
    opened(world)
    await publish(stack, world)
    await stack.settle()
    before = await all_rows(stack)
    said: list[str] = []
    found: Rebuilt = await rebuild(sources(stack), said.append)

    assert found.identical
    assert found.caught_up == 0
    assert found.events == len(world.teller.told)
    assert await all_rows(stack) == before
    assert sum(before["delta"].values()) == found.rows > 100
    assert sum("same" in line for line in said) == 7


async def test_a_rebuild_into_empty_tables_catches_up_and_live_goes_on_from_there(
    stack: Stack,
) -> None:
    world = a_history(22, events=70)
    opened(world)
    # A campaign is opened before anything happens in it.
    world.teller.told.sort(key=lambda r: not isinstance(r.event, CampaignOpened))
    half = len(world.teller.told) // 2
    rest = world.teller.told[half:]
    world.teller.told = world.teller.told[:half]
    await publish(stack, world)
    found = await rebuild(sources(stack, processes=1))
    rebuilt_figures = await _figures(stack, world)
    world.teller.told = rest
    await publish(stack, world)
    await stack.settle()
    live = await all_rows(stack)
    parked = await stack.rows("reporting", "select count(*) from parked")
    again = await rebuild(sources(stack))

    assert found.caught_up == half
    assert not found.identical
    assert rebuilt_figures["total"]["listed"] > 0
    assert parked[0][0] == 0
    assert again.identical
    assert again.caught_up == 0
    assert await all_rows(stack) == live


async def test_a_rebuild_moves_the_version_of_every_answer(stack: Stack) -> None:
    world = a_history(23, events=30)
    opened(world)
    await publish(stack, world)
    await stack.settle()
    caller = stack.caller("reporting", "province_regulator")
    params = {"campaign_id": str(world.campaigns[0]), "quarter": "2022Q3"}
    before = await caller.get("/figures", params=params)
    await rebuild(sources(stack))
    after = await caller.get("/figures", params=params)

    assert before.headers["etag"] != after.headers["etag"]
    assert before.json() == after.json()


async def test_a_reader_from_before_the_swap_never_takes_new_tables_for_empty_ones(
    stack: Stack,
) -> None:
    world = a_history(24, events=30)
    opened(world)
    await publish(stack, world)
    await stack.settle()
    wanted = Wanted(campaign_id=world.campaigns[0], quarter=Quarter(2022, 3))
    async with stack.database("reporting").read() as tx:
        await show_lag(tx)
        await rebuild(sources(stack))
        with pytest.raises(Swapped):
            await show_figures(tx, wanted, "region", "city")


async def test_a_rebuild_waits_for_a_reader_and_readers_do_not_wait_for_long(stack: Stack) -> None:
    world = a_history(25, events=30)
    opened(world)
    await publish(stack, world)
    await stack.settle()
    wanted = Wanted(campaign_id=world.campaigns[0], quarter=Quarter(2022, 3))
    async with stack.database("reporting").read() as tx:
        before = await show_figures(tx, wanted, "region", "city")
        waiting = asyncio.create_task(rebuild(sources(stack)))
        await _until_the_new_tables_are_ready(stack)
        same = await show_figures(tx, wanted, "region", "city")
        assert not waiting.done()
    found = await waiting

    assert before == same
    assert found.identical


async def test_a_vacuum_of_a_new_table_delays_the_swap_and_does_not_end_it(stack: Stack) -> None:
    """Autovacuum comes to tables that were just filled, and gives way only after a second."""
    world = a_history(27, events=30)
    opened(world)
    await publish(stack, world)
    await stack.settle()
    vacuum = psycopg.connect(stack.databases["reporting"].owner_url)

    def say(line: str) -> None:
        if line.startswith("swap"):
            vacuum.execute("lock table delta_new in share update exclusive mode")
            asyncio.get_running_loop().call_later(0.7, vacuum.close)

    found = await rebuild(sources(stack), say)

    assert vacuum.closed
    assert found.identical
    assert found.seconds["swap"] > 0.6


async def test_on_kafka_a_rebuild_leaves_the_brokers_position_and_drops_what_comes_again(
    stack: Stack,
) -> None:
    world = a_history(26, events=30)
    opened(world)
    await publish(stack, world)
    found = await rebuild(replace(sources(stack), transport="kafka"))
    rebuilt = await all_rows(stack)
    positions = await stack.rows(
        "reporting", "select sum(position), sum(next_off) from consumer_offset"
    )
    await _read_from_stored_positions(stack)
    as_before = await all_rows(stack)
    enterprise = world.enterprises[0]
    await stack.publish(listed(world, enterprise, "2022-12-31"))
    await stack._move_outboxes()
    await _read_from_stored_positions(stack)
    facts = await stack.rows("reporting", "select count(*) from fact")

    assert tuple(positions[0]) == (0, found.events)
    assert as_before == rebuilt
    assert facts[0][0] == sum(rebuilt["fact"].values()) + 1
    assert (await stack.rows("reporting", "select count(*) from parked"))[0][0] == 0


async def _read_from_stored_positions(stack: Stack) -> None:
    """What a broker delivers again, from where the positions stand."""
    for topic in CONSUMER.topics:
        owner = stack.databases[topic.removesuffix(".events")]
        connection = await asyncpg.connect(owner.log_url)
        records = await stack._next("reporting", CONSUMER.name, topic, connection)
        await connection.close()
        if records:
            await apply_records(CONSUMER, stack.database("reporting"), records)


async def _until_the_new_tables_are_ready(stack: Stack) -> None:
    ready = "select 1 from pg_class where relname = 'campaign_key_new'"
    while not await stack.rows("reporting", ready):
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.8)


async def _figures(stack: Stack, world: World) -> dict[str, dict[str, int]]:
    campaign = str(world.campaigns[0])
    return await get(stack, "/figures", campaign_id=campaign, quarter="2022Q3")


def test_the_short_way_reads_the_same_facts_as_the_long_way() -> None:
    types: set[int] = set()
    for seed in range(6):
        world = a_history(seed)
        unmerge(world, merge(world, *world.enterprises[:2]))
        for received in world.teller.told:
            record = as_record(received)
            known_us = microseconds(received.known_at)
            found = quick(record.payload, topic=record.topic, known_us=known_us)
            event = received.event
            if found is None:
                assert learnt(received) is None
                continue
            one, uscc = found
            assert one == learnt(received)
            assert uscc == (event.uscc if isinstance(event, EnterpriseListed) else None)
            types.add(one.fact.type)

    assert len(types) == len(TYPES) - 1  # decisions are in no history


def test_what_the_short_way_does_not_know_it_leaves_to_the_long_one() -> None:
    received = next(r for r in a_history(1).teller.told if learnt(r))
    payload = as_record(received).payload
    wire = contract_of(received.event).type.encode()
    for spoilt in (
        payload.replace(wire, wire[:-1] + b"9"),
        payload.replace(wire, b"Unheard.v1"),
        payload.replace(str(received.event.enterprise_id).encode(), b"nobody"),  # pyright: ignore[reportAttributeAccessIssue]
        payload.replace(b'"enterprise_id"', b'"enterprise"'),
    ):
        assert spoilt != payload
        assert quick(spoilt, topic=received.topic, known_us=1) is None


def test_every_told_event_has_a_contract() -> None:
    assert all(contract_of(received.event) for received in a_history(1).teller.told)
