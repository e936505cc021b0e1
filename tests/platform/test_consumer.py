"""One consumer's transaction: fences, transient errors, lost logs, a server that goes away."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text

from shared.contracts.event import Received
from shared.platform.consumer import (
    ConsumerLoop,
    TookOver,
    apply_records,
)
from shared.platform.database import Transaction
from shared.platform.embedded.postgres import Postgres
from shared.platform.parked import retry_parked
from shared.platform.transports import LostEvents
from tests.platform.bus import Bus, key, make_template, opened


async def test_a_batch_given_twice_has_its_effect_once(log_bus: Bus) -> None:
    bus = log_bus
    await bus.write_many(writers=2, each=10, keys=5)
    await bus.move_all()
    records = await bus.records()
    assert await apply_records(bus.consumer(), bus.reader, records) == 20
    assert await apply_records(bus.consumer(), bus.reader, records) == 0
    await bus.check_exact(20)


async def test_an_event_sent_twice_at_two_offsets_has_its_effect_once(log_bus: Bus) -> None:
    bus = log_bus
    await bus.write(1, 1, 1)
    await bus.move_all()
    records = await bus.records()
    again = [replace(record, off=record.off + 3, position=record.off + 3) for record in records]
    assert await apply_records(bus.consumer(), bus.reader, records + again) == 3
    seen = await bus.sql("r", "select seq from seen order by n")
    assert [row["seq"] for row in seen] == [1, 2, 3]
    assert await bus.parked() == []


async def test_a_stalled_worker_that_goes_on_after_another_is_fenced(log_bus: Bus) -> None:
    bus = log_bus
    await bus.write(1)
    await bus.write(1)
    await bus.write(1)
    await bus.move_all()
    records = await bus.records()
    stalled, rest = records[:2], records[2:]
    assert await apply_records(bus.consumer("second"), bus.reader, records) == 3
    assert await apply_records(bus.consumer("stalled"), bus.reader, stalled) == 0
    place = await bus.sql("r", "select next_off, position from consumer_offset")
    assert [tuple(row) for row in place] == [(3, 3)]  # not put back by the stalled one
    await bus.sql("r", "delete from consumer_offset")  # a rebuild begins
    with pytest.raises(TookOver):
        await apply_records(bus.consumer("stalled"), bus.reader, rest)
    await bus.check_exact_effects(3)


async def test_two_workers_applying_the_same_batch_at_once_count_it_once(log_bus: Bus) -> None:
    bus = log_bus
    await bus.write_many(writers=2, each=20, keys=5)
    await bus.move_all()
    records = await bus.records()
    done = await asyncio.gather(
        *(apply_records(bus.consumer(f"w{n}"), bus.reader, records) for n in range(4))
    )
    assert sorted(done) == [0, 0, 0, 40]
    await bus.check_exact(40)


async def test_on_the_log_the_second_worker_stands_by_until_the_first_is_gone(log_bus: Bus) -> None:
    bus = log_bus
    bus.start_relay()
    first = bus.start_worker("first")
    await bus.write(1)
    await bus.drained()
    bus.start_worker("second")
    await bus.write(1, 2, 3)
    await bus.drained()
    workers = await bus.sql("r", "select distinct worker from seen")
    assert [row["worker"] for row in workers] == ["first"]
    await bus.stop(first)
    await bus.write(1, 2)
    await bus.drained(3)
    last = await bus.value("r", "select worker from seen order by n desc limit 1")
    assert last == "second"
    await bus.check_exact(6)


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03", "53100"])
@pytest.mark.parametrize("raw", [False, True])
async def test_what_may_succeed_next_time_is_done_again_and_not_parked(
    log_bus: Bus, state: str, raw: bool
) -> None:
    bus = log_bus
    failures = 0

    async def fail(_received: Received, tx: Transaction) -> None:
        nonlocal failures
        if failures < 2:
            failures += 1
            sql = f"do $$ begin raise exception 'for now' using errcode = '{state}'; end $$"
            if raw:
                await (await tx.driver()).execute(sql)
            await tx.connection.execute(text(sql))

    bus.hook = fail
    bus.start_relay()
    bus.start_worker()
    await bus.write(1, 2)
    await bus.drained()
    assert failures == 2
    await bus.check_exact(2)


async def test_a_real_deadlock_is_done_again(log_bus: Bus) -> None:
    bus = log_bus
    await bus.sql("r", "create table pair (n int primary key)")
    await bus.sql("r", "insert into pair values (1), (2)")
    other = await asyncpg.connect(bus.url("r"))
    crossed: list[asyncio.Task[str]] = []

    async def cross(_received: Received, tx: Transaction) -> None:
        driver = await tx.driver()
        if not crossed:
            # Who waits longest is ended: that shall be us.
            await driver.execute("set local deadlock_timeout = '50ms'")
            await other.execute("begin; set local deadlock_timeout = '10s'")
            await other.execute("select * from pair where n = 2 for update")
            await driver.execute("select * from pair where n = 1 for update")
            crossed.append(
                asyncio.create_task(other.execute("select * from pair where n = 1 for update"))
            )
            await asyncio.sleep(0.1)
        await driver.execute("select * from pair where n = 2 for update")

    bus.hook = cross
    bus.start_relay()
    bus.start_worker()
    await bus.write(1)
    await bus.until(lambda: _done(crossed))
    await other.execute("rollback")
    await other.close()
    await bus.drained()
    await bus.check_exact(1)


async def _done(tasks: list[asyncio.Task[str]]) -> bool:
    return bool(tasks) and tasks[0].done()


async def test_a_log_that_lost_its_beginning_is_refused(log_bus: Bus) -> None:
    bus = log_bus
    await bus.write(1, 1, 1)
    await bus.move_all()
    await bus.sql("w", "delete from event_log where off = 0")
    loop = ConsumerLoop(bus.consumer(), bus.reader, bus.source)
    with pytest.raises(LostEvents, match="0 is gone, 1 follows"):
        await asyncio.wait_for(loop.run(), 5)


async def test_a_log_shorter_than_what_was_had_is_refused(log_bus: Bus) -> None:
    bus = log_bus
    bus.start_relay()
    worker = bus.start_worker()
    await bus.write(1, 1, 1)
    await bus.drained()
    await bus.stop(worker)
    await bus.sql("w", "update log_head set next_off = 1 where next_off > 0")
    loop = ConsumerLoop(bus.consumer(), bus.reader, bus.source)
    with pytest.raises(LostEvents, match="has had 3"):
        await asyncio.wait_for(loop.run(), 5)


async def test_an_unknown_event_behind_a_parked_one_keeps_its_place(log_bus: Bus) -> None:
    bus = log_bus
    await bus.write(1)
    await bus.spoil("RepaymentBooked.v1", "NobodyKnowsThis.v1")
    await bus.move_all()
    bus.fails[key(1)] = ValueError("no")
    await bus.write(1)
    await bus.write(1)
    await bus.sql(
        "w",
        "update outbox set payload = convert_to(replace(convert_from(payload, 'UTF8'),"
        " 'RepaymentBooked.v1', 'NobodyKnowsThis.v1'), 'UTF8') where seq = 3",
    )
    await bus.move_all()
    for record in await bus.records():
        await apply_records(bus.consumer(), bus.reader, [record])
    assert [p["seq"] for p in await bus.parked()] == [2, 3]
    bus.fails.clear()
    assert await retry_parked(bus.consumer(), bus.reader) == (2, 0)
    await bus.write(1)
    await bus.move_all()
    await apply_records(bus.consumer(), bus.reader, (await bus.records())[3:])
    assert [r["seq"] for r in await bus.sql("r", "select seq from seen order by n")] == [2, 4]


async def test_a_retry_waits_for_who_holds_the_consumer_as_a_rebuild_does(log_bus: Bus) -> None:
    """What it wrote into tables that are about to be swapped would be lost."""
    bus = log_bus
    bus.fails[key(1)] = ValueError("not yet")
    await bus.write(1)
    await bus.move_all()
    worker = bus.start_worker()
    await bus.drained()
    worker.cancel()
    bus.fails.clear()
    assert len(await bus.parked()) == 1
    holder = await asyncpg.connect(bus.url("r"))
    await holder.execute("begin")
    await holder.fetch("select from consumer_offset for update")
    retry = asyncio.create_task(retry_parked(bus.consumer(), bus.reader))
    await asyncio.sleep(0.5)
    assert not retry.done()
    assert await bus.value("r", "select count(*) from seen") == 0
    await holder.execute("rollback")
    assert await retry == (1, 0)
    await holder.close()


async def test_retry_beside_a_running_worker_loses_nothing(log_bus: Bus) -> None:
    bus = log_bus
    bus.start_relay()
    bus.start_worker()
    bus.fails[key(1)] = ValueError("no")
    await bus.write(1, 2)
    await bus.drained()
    writing = asyncio.create_task(bus.write_many(writers=3, each=30, keys=3))
    while not writing.done():
        bus.fails[key(1)] = ValueError("no")
        await asyncio.sleep(0.05)
        bus.fails.clear()
        await retry_parked(bus.consumer("retry"), bus.reader)
    written = await writing
    await bus.drained()
    bus.fails.clear()
    await retry_parked(bus.consumer("retry"), bus.reader)
    await bus.check_exact(written + 2)


@pytest.fixture
async def mortal(tmp_path: Path) -> AsyncIterator[Postgres]:
    server = Postgres(tmp_path / "pg", settings={"fsync": "off"})
    server.start()
    await make_template(server)
    yield server
    server.stop()


async def test_a_database_killed_and_started_again_in_the_middle_loses_nothing(
    mortal: Postgres,
) -> None:
    async with opened(Bus("log", mortal, None)) as bus:
        bus.start_relay()
        bus.start_worker()
        acknowledged = 0

        async def write() -> None:
            nonlocal acknowledged
            for n in range(120):
                while True:
                    try:
                        await bus.write(n % 9)
                        break
                    except Exception:  # the client's part: again, until it is told
                        await asyncio.sleep(0.05)
                acknowledged += 1
                await asyncio.sleep(0.005)

        writing = asyncio.create_task(write())
        for _ in range(2):
            await asyncio.sleep(0.4)
            await asyncio.to_thread(mortal.kill)
            await asyncio.to_thread(mortal.start)
        await writing
        await bus.drained()
        # A commit whose answer was lost is written again by this simple client: more, never less.
        written = await bus.value("w", "select sum(total)::bigint from aggregate")
        assert acknowledged == 120 <= written
        await bus.check_exact(written)
