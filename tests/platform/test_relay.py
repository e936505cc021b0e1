"""The relay: no event lost, none twice in the log, whatever writers and relays do."""

import asyncio
import statistics
import time
from collections import Counter
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from shared.platform.floor import Floor
from shared.platform.relay import _MOVE as MOVE
from shared.platform.relay import Publisher, Relay, move, republish
from tests.platform.bus import Bus, key, repayment


async def check_log(bus: Bus, events: int) -> None:
    """Dense offsets in every partition, each event once, each key's in order."""
    rows = await bus.sql("w", "select part, off, event_id, key, seq from event_log order by 1, 2")
    assert len(rows) == events
    assert len({row["event_id"] for row in rows}) == events
    ends: Counter[int] = Counter()
    last: Counter[str] = Counter()
    for row in rows:
        assert row["off"] == ends[row["part"]]
        assert row["seq"] == last[row["key"]] + 1
        ends[row["part"]] += 1
        last[row["key"]] += 1
    heads = await bus.sql("w", "select part, next_off from log_head")
    assert {r["part"]: r["next_off"] for r in heads} == {p: ends[p] for p in range(6)}


async def moved(bus: Bus) -> bool:
    return await bus.value("w", "select count(*) from outbox") == 0


async def test_a_plan_made_while_the_outbox_was_empty_does_not_walk_it_once_per_row(
    log_bus: Bus,
) -> None:
    """Prepared on an empty table, a join took five seconds for a thousand of 72,000 rows."""
    await admin_in(log_bus, "vacuum analyze outbox")
    statement = MOVE.replace("$1", "1000::int").replace("$2", "0::bigint")
    plan = [row[0] for row in await log_bus.sql("w", f"explain {statement}")]
    first = next(n for n, line in enumerate(plan) if "CTE batch" in line)
    end = next(n for n, line in enumerate(plan) if "CTE heads" in line)
    assert not [line for line in plan[first:end] if "Loop" in line or "Join" in line]


async def test_a_row_invisible_while_later_ids_commit_is_not_passed_over(log_bus: Bus) -> None:
    """The visibility gap, made on purpose: a trigger holds one commit with an advisory lock."""
    bus = log_bus
    await bus.sql("w", "create table slow (key text primary key)")
    await bus.sql("w", "insert into slow values ($1)", key(1))
    await admin_in(
        bus,
        "create function hold() returns trigger language plpgsql as $$ begin"
        " if exists (select from slow where key = new.key) then"
        " perform pg_advisory_xact_lock(4964); end if; return null; end $$;"
        " create constraint trigger hold after insert on outbox initially deferred"
        " for each row execute function hold()",
    )
    gate = await asyncpg.connect(bus.url("w"))
    await gate.execute("select pg_advisory_lock(4964)")
    relay = bus.start_relay()
    held = asyncio.create_task(bus.write(1))
    await bus.until(lambda: waits_for_lock(bus))
    for n in range(2, 12):
        await bus.write(n)
    await bus.until(lambda: logged(bus, 10))
    assert not held.done()
    await gate.execute("select pg_advisory_unlock(4964)")
    await held
    await bus.until(lambda: logged(bus, 11), 5)
    await gate.close()
    await bus.stop(relay)
    await check_log(bus, 11)


async def admin_in(bus: Bus, sql: str) -> None:
    connection = await asyncpg.connect(bus.url("w"))
    await connection.execute(sql)
    await connection.close()


async def waits_for_lock(bus: Bus) -> bool:
    return bool(
        await bus.value("w", "select count(*) from pg_locks where not granted and objid = 4964")
    )


async def logged(bus: Bus, events: int) -> bool:
    return await bus.value("w", "select count(*) from event_log") == events


async def test_a_transaction_id_drawn_before_the_row_lock_does_not_disturb_the_order(
    log_bus: Bus,
) -> None:
    bus = log_bus
    relay = bus.start_relay()

    async def early_xid(seed: int) -> None:
        for i in range(12):
            async with bus.writer.transaction() as tx:
                await tx.connection.execute(text("select pg_current_xact_id()"))
                await asyncio.sleep(0.001 * ((seed * 5 + i) % 7))
                tx.emit(repayment((seed + i) % 4), repayment(50 + seed))

    await asyncio.gather(*(early_xid(seed) for seed in range(10)))
    await bus.until(lambda: moved(bus))
    await bus.stop(relay)
    await check_log(bus, 240)


async def test_a_foreign_open_transaction_delays_nothing(log_bus: Bus) -> None:
    bus = log_bus
    foreign = await asyncpg.connect(bus.url("r"))
    await foreign.execute("begin; select pg_current_xact_id()")
    own = await asyncpg.connect(bus.url("w"))
    await own.execute("begin; select pg_current_xact_id()")
    relay = bus.start_relay()
    await bus.write(1)
    await bus.until(lambda: logged(bus, 1), 3)
    await foreign.close()
    await own.close()
    await bus.stop(relay)


async def test_a_snapshot_held_for_100000_events_leaves_the_relays_query_within_twice_its_time(
    log_bus: Bus,
) -> None:
    """Beside it, turn by turn, the same move in a database without the snapshot."""
    bus = log_bus
    held, free, reader = [await asyncpg.connect(bus.url(side)) for side in ("w", "r", "w")]
    fill = (
        "insert into outbox (event_id, key, seq, type, part, payload)"
        " select gen_random_uuid(), 'k', n, 't', 0, '{}' from generate_series(1, $1::int) n"
    )

    async def time_of(connection: asyncpg.Connection, floor: int) -> float:
        await connection.execute(fill, 1)
        began = time.perf_counter()
        assert await move(connection, 2000, floor) == 1
        return time.perf_counter() - began

    await reader.execute("begin isolation level repeatable read; select count(*) from outbox")
    for connection in (held, free):
        await connection.execute(fill, 100_000)
        while await move(connection, 20_000):
            pass
    await free.execute("vacuum outbox")
    floor = Floor("outbox_id_seq")
    for _ in range(3):
        await floor.before_pass(held)
        assert await move(held, 2000, floor.id) == 0
        await floor.after_drained(held)
    assert floor.id >= 100_000
    blind = statistics.median([await time_of(held, 0) for _ in range(9)])
    both = [(await time_of(held, floor.id), await time_of(free, 0)) for _ in range(41)]
    bounded, quiet = (statistics.median(times) for times in zip(*both, strict=True))
    for connection in (held, free, reader):
        await connection.close()
    print(
        f"move of one row: {quiet * 1e3:.2f} ms, with 100,000 dead {bounded * 1e3:.2f} ms,"
        f" without the floor {blind * 1e3:.1f} ms"
    )
    assert bounded < 2 * quiet
    assert bounded < blind


@pytest.mark.parametrize("busy", [True, False])
async def test_the_floor_never_rises_above_a_row_still_to_come(log_bus: Bus, *, busy: bool) -> None:
    """Not where others write meanwhile, nor where the writer of that row is the newest of all."""
    bus = log_bus
    connection = await asyncpg.connect(bus.url("w"))
    floor = Floor("outbox_id_seq")
    late = await asyncpg.connect(bus.url("w"))
    await bus.write(1)
    await move(connection)
    await late.execute("begin")
    await late.execute("insert into stream values ('late', 1)")
    await late.execute(
        "insert into outbox (event_id, key, seq, type, part, payload)"
        " values (gen_random_uuid(), 'late', 1, 't', 0, '{}')"
    )
    if busy:
        await bus.write(2)
    for _ in range(4):
        await floor.before_pass(connection)
        await move(connection, 2000, floor.id)
        await floor.after_drained(connection)
    await late.execute("commit")
    for _ in range(6):
        await floor.before_pass(connection)
        await move(connection, 2000, floor.id)
        await floor.after_drained(connection)
    assert await bus.value("w", "select count(*) from event_log") == 2 + busy
    assert floor.id == 2 + busy
    await connection.close()
    await late.close()


async def test_the_newest_writer_of_all_does_not_pass_for_ended(log_bus: Bus) -> None:
    """A snapshot's xmax is one above the newest ended transaction: the newest is not below it."""
    bus = log_bus
    await bus.write(1)
    late = await asyncpg.connect(bus.url("w"))
    watching = await asyncpg.connect(bus.url("w"))
    await late.execute("begin")
    await late.execute("insert into stream values ('late', 1)")
    await late.execute("select nextval('outbox_id_seq')")
    floor = Floor("outbox_id_seq")
    for _ in range(4):
        await floor.before_pass(watching)
        await floor.after_drained(watching)
    assert floor.id == 0
    await late.execute("commit")
    for _ in range(4):
        await floor.before_pass(watching)
        await floor.after_drained(watching)
    assert floor.id == 2
    await late.close()
    await watching.close()


async def test_two_relays_one_works_and_the_other_takes_over(log_bus: Bus) -> None:
    bus = log_bus
    relays = [bus.start_relay(), bus.start_relay()]
    writing = asyncio.create_task(bus.write_many(writers=6, each=40, keys=15))
    ended = 0
    while not writing.done() or ended < 2:
        await asyncio.sleep(0.05)
        ended += len(
            await bus.sql(
                "w",
                "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'"
                " and objid = $1 and granted and pid <> pg_backend_pid()"
                " and database = (select oid from pg_database where datname = current_database())",
                0x59514C59,
            )
        )
    written = await writing
    await bus.until(lambda: moved(bus), 10)
    assert ended >= 2
    assert not any(relay.done() for relay in relays)
    await bus.stop(*relays)
    await check_log(bus, written)


async def test_a_relay_killed_anywhere_in_its_move_leaves_all_or_nothing(log_bus: Bus) -> None:
    bus = log_bus
    for _ in range(6):
        await bus.write_many(writers=4, each=5, keys=9)
        mover = await asyncpg.connect(bus.url("w"))
        task = asyncio.create_task(move(mover))
        await asyncio.sleep(0.002)
        mover.terminate()
        await asyncio.gather(task, return_exceptions=True)
    await bus.move_all()
    await check_log(bus, 120)


async def test_a_relay_stopped_between_sending_and_noting_sends_the_same_again(
    log_bus: Bus,
) -> None:
    bus = log_bus
    topic: list[Any] = []
    crashes = 0

    async def publish(rows: list[Any]) -> None:
        nonlocal crashes
        topic.extend(rows)
        if crashes < 3:
            crashes += 1
            raise ConnectionError("killed between the acknowledgement and its note")

    publisher = Publisher(service="t", publish=publish)
    relay = bus._start(Relay(service="t", url=bus.url("w"), publisher=publisher).run())
    await bus.write(1, 2, 3)

    async def published() -> bool:
        return await bus.value("w", "select sum(published_off) from log_head") == 3

    await bus.until(published)
    await bus.stop(relay)
    assert crashes == 3
    first: dict[tuple[int, int], Any] = {}
    for row in topic:
        assert first.setdefault((row.part, row.off), row) == row
    assert len(first) == 3


async def test_republish_during_a_batch_is_not_overwritten_by_it(log_bus: Bus) -> None:
    bus = log_bus
    sent: list[tuple[int, int]] = []

    async def publish(rows: list[Any]) -> None:
        if not sent:
            assert await republish(bus.url("w")) == 4
        sent.extend((row.part, row.off) for row in rows)

    await bus.write(1, 1, 1, 1)
    await bus.move_all()
    await bus.sql("w", "update log_head set published_off = 2 where next_off > 0")
    connection = await asyncpg.connect(bus.url("w"))
    publisher = Publisher(service="t", publish=publish)
    await publisher._publish_all(connection)
    await publisher._publish_all(connection)
    await connection.close()
    assert [off for _, off in sent] == [2, 3, 0, 1, 2, 3]


async def test_a_broker_that_is_away_does_not_touch_writers_and_the_log_grows(
    log_bus: Bus,
) -> None:
    bus = log_bus
    away = True
    sent: list[Any] = []

    async def publish(rows: list[Any]) -> None:
        if away:
            raise ConnectionError("refused")
        sent.extend(rows)

    publisher = Publisher(service="t", publish=publish)
    relay = bus._start(Relay(service="t", url=bus.url("w"), publisher=publisher).run())
    written = await bus.write_many(writers=4, each=10, keys=8)
    await bus.until(lambda: logged(bus, written))
    assert sent == []
    away = False

    async def published() -> bool:
        return len(sent) == written

    await bus.until(published, 5)
    await bus.stop(relay)


async def test_many_commits_ring_the_bell_far_fewer_times(log_bus: Bus) -> None:
    bus = log_bus
    rings = 0

    def heard(*_: object) -> None:
        nonlocal rings
        rings += 1

    listener = await asyncpg.connect(bus.url("w"))
    await listener.add_listener("outbox", heard)
    await bus.write(0)
    await asyncio.sleep(0.2)
    rings = 0
    for _ in range(500):
        bus.writer.ring()
    await asyncio.sleep(0.2)
    assert 1 <= rings <= 3
    await bus.sql(
        "w",
        "select pg_terminate_backend(pid) from pg_stat_activity where query = 'notify outbox'"
        " and datname = current_database()",
    )
    await asyncio.sleep(0.1)
    rings = 0
    bus.writer.ring()
    await bus.until(lambda: _true(rings >= 1), 3)
    await listener.close()


async def _true(value: bool) -> bool:
    return value


@pytest.mark.parametrize("rows", [7_000])
async def test_one_transaction_of_thousands_of_events_keeps_every_key_in_order(
    log_bus: Bus, rows: int
) -> None:
    bus = log_bus
    async with bus.writer.transaction() as tx:
        tx.emit(*(repayment(n % 60) for n in range(rows)))
    await bus.move_all()
    await check_log(bus, rows)
