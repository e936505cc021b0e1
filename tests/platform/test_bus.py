"""What the bus promises, the same on both transports."""

import asyncio
import dataclasses
import itertools
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text

from shared.contracts import event as contracts
from shared.contracts.event import Received, part_of
from shared.kernel.errors import BadInput
from shared.platform import metrics
from shared.platform.database import BULK_ROWS, Transaction
from shared.platform.parked import retry_parked
from tests.platform.bus import Bus, key, repayment


def counted(metric: Any, bus: Bus) -> float:
    """A counter; on kafka the source counts too, under the name of its group."""
    names = {"sums", bus.group}
    return sum(metric.labels(consumer=name)._value.get() for name in names)


async def test_every_event_arrives_once_and_in_order_per_key(bus: Bus) -> None:
    bus.start_relay()
    bus.start_worker()
    written = await bus.write_many(writers=8, each=25, keys=23)
    await bus.drained()
    await bus.check_exact(written)


async def test_many_events_of_one_transaction_are_numbered_as_few_are(bus: Bus) -> None:
    many = [n % 7 for n in range(BULK_ROWS + 50)]
    assert len(many) > BULK_ROWS
    bus.start_relay()
    bus.start_worker()
    for numbers in ([0, 1, 0], many, [6, 0], [*many, 8]):
        await bus.write(*numbers)
    await bus.drained()
    await bus.check_exact(3 + len(many) + 2 + len(many) + 1)


async def test_effect_position_and_sequence_are_one_transaction(bus: Bus) -> None:
    bus.start_relay()
    bus.start_worker()
    writing = asyncio.create_task(bus.write_many(writers=4, each=30, keys=9))
    looks = 0
    while not writing.done():
        row = (
            await bus.sql(
                "r",
                "select (select count(*) from seen) as effects,"
                " (select coalesce(sum(next_off), 0) from consumer_offset) as position,"
                " (select coalesce(sum(seq), 0) from inbox) as sequence",
            )
        )[0]
        assert row["effects"] == row["position"] == row["sequence"]
        looks += 1
    assert looks > 3
    await bus.drained()
    await bus.check_exact(await writing)


async def test_a_worker_whose_session_dies_between_effect_and_commit_does_it_again(
    bus: Bus,
) -> None:
    deaths = 0

    async def die(_received: Received, tx: Transaction) -> None:
        nonlocal deaths
        if deaths < 3:
            deaths += 1
            pid = (await tx.connection.execute(text("select pg_backend_pid()"))).scalar()
            await bus.sql("r", "select pg_terminate_backend($1)", pid)

    bus.hook = die
    bus.start_relay()
    bus.start_worker()
    await bus.write(*range(12))
    await bus.drained()
    assert deaths == 3
    await bus.check_exact(12)


async def test_a_topic_read_again_from_its_start_changes_nothing(bus: Bus) -> None:
    bus.start_relay()
    worker = bus.start_worker()
    written = await bus.write_many(writers=3, each=20, keys=11)
    await bus.drained()
    await bus.stop(worker)
    before = await bus.sql("r", "select * from seen order by n")
    # Once with the offsets known, so that they drop it; once without, so that sequences must.
    for forget in ("position = 0", "position = 0, next_off = 0"):
        await bus.sql("r", f"update consumer_offset set {forget}")
        duplicates = counted(metrics.DUPLICATES, bus)
        worker = bus.start_worker()
        await bus.write(1)
        written += 1
        await bus.drained()
        await bus.stop(worker)
        if bus.transport == "kafka" or "next_off" in forget:
            assert counted(metrics.DUPLICATES, bus) - duplicates >= written - 1
    after = await bus.sql("r", "select * from seen order by n")
    assert after[: len(before)] == before
    await bus.check_exact(written)


async def test_a_position_put_to_zero_with_its_effects_dropped_rebuilds_them(bus: Bus) -> None:
    bus.start_relay()
    bus.start_worker()
    written = await bus.write_many(writers=3, each=15, keys=7)
    await bus.drained()
    query = "select key, seq, part, off, amount, known_at, event_id from seen order by part, off"
    before = await bus.sql("r", query)
    await bus.sql(
        "r", "with a as (delete from seen), b as (delete from inbox) delete from consumer_offset"
    )
    await bus.write(0)  # the worker finds its position gone, and begins anew
    await bus.drained()
    await bus.check_exact(written + 1)
    kept = {row["event_id"] for row in before}
    after = await bus.sql("r", query)
    assert [row for row in after if row["event_id"] in kept] == before


async def test_an_event_of_an_unknown_type_is_skipped_and_counted(bus: Bus) -> None:
    unknown = counted(metrics.UNKNOWN, bus)
    await bus.write(1)
    await bus.write(2)
    await bus.spoil("RepaymentBooked.v1", "NobodyKnowsThis.v1")
    await bus.write(1)
    bus.start_relay()
    bus.start_worker()
    await bus.drained()
    seen = await bus.sql("r", "select key, seq from seen")
    assert [tuple(row) for row in seen] == [(key(1), 2)]
    assert counted(metrics.UNKNOWN, bus) - unknown == 2
    assert await bus.parked() == []


async def test_a_newer_version_waits_with_its_key_until_the_build_knows_it(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bus.write(1)
    await bus.spoil("RepaymentBooked.v1", "RepaymentBooked.v2")
    await bus.write(1)
    await bus.write(2)
    bus.start_relay()
    bus.start_worker()
    await bus.drained()
    parked = await bus.parked()
    assert [(p["key"], p["seq"]) for p in parked] == [(key(1), 1), (key(1), 2)]
    assert "NewerVersion" in parked[0]["error"]
    assert await bus.value("r", "select count(*) from seen") == 1
    assert await retry_parked(bus.consumer(), bus.reader) == (0, 2)
    newer = dataclasses.replace(contracts.CONTRACTS["RepaymentBooked"], version=2)
    monkeypatch.setitem(contracts.CONTRACTS, "RepaymentBooked", newer)
    monkeypatch.setitem(contracts._UPCASTS, ("RepaymentBooked", 1), lambda data: data)
    assert await retry_parked(bus.consumer(), bus.reader) == (2, 0)
    await bus.check_exact(3)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"principal_fen":1', '"principal_fen":-1'),
        ("RepaymentBooked.v1", "RepaymentBooked.vX"),
        ('"data":{', '"data":[{'),
    ],
)
async def test_a_malformed_event_is_parked_and_stays_parked(bus: Bus, old: str, new: str) -> None:
    await bus.write(1)
    await bus.spoil(old, new)
    await bus.write(1)
    await bus.write(2)
    bus.start_relay()
    bus.start_worker()
    await bus.drained()
    parked = await bus.parked()
    assert [(p["key"], p["seq"], p["attempts"]) for p in parked] == [(key(1), 1, 1), (key(1), 2, 1)]
    assert await retry_parked(bus.consumer(), bus.reader) == (0, 2)
    assert (await bus.parked())[0]["attempts"] == 2
    assert [row["key"] for row in await bus.sql("r", "select key from seen")] == [key(2)]


async def test_a_failing_event_is_parked_others_go_on_and_retry_restores_the_order(
    bus: Bus,
) -> None:
    bus.start_relay()
    bus.start_worker()
    same_part = next(n for n in range(2, 99) if part_of(key(n)) == part_of(key(1)))
    await bus.write(1, same_part)
    await bus.drained()
    bus.fails[key(1)] = ValueError("no such loan")
    await bus.write(1, same_part, 1)
    await bus.write(1, same_part)
    await bus.drained()
    parked = await bus.parked("sums")
    assert [(p["key"], p["seq"]) for p in parked] == [(key(1), 2), (key(1), 3), (key(1), 4)]
    assert "no such loan" in parked[0]["error"]
    assert key(1) in parked[0]["payload"]
    assert await bus.parked("another") == []
    seen = await bus.sql("r", "select seq from seen where key = $1 order by n", key(same_part))
    assert [row["seq"] for row in seen] == [1, 2, 3]
    assert await retry_parked(bus.consumer(), bus.reader) == (0, 3)
    bus.fails.clear()
    assert await retry_parked(bus.consumer(), bus.reader) == (3, 0)
    await bus.write(1, same_part)
    await bus.drained()
    await bus.check_exact(9)


async def test_a_gap_within_a_key_parks_the_key_and_no_other(bus: Bus) -> None:
    raised = counted(metrics.PARKED, bus)
    await bus.write(1)
    await bus.write(1, 2)
    await bus.sql("w", "delete from outbox where key = $1 and seq = 1", key(1))
    await bus.write(1, 2)
    bus.start_relay()
    bus.start_worker()
    await bus.drained()
    parked = await bus.parked()
    assert [(p["key"], p["seq"]) for p in parked] == [(key(1), 2), (key(1), 3)]
    assert parked[0]["error"] == "gap: 0 is followed by 2"
    assert counted(metrics.PARKED, bus) - raised == 2
    assert [r["seq"] for r in await bus.sql("r", "select seq from seen order by n")] == [1, 2]
    assert await retry_parked(bus.consumer(), bus.reader) == (0, 2)


async def test_two_workers_started_by_mistake_under_one_name_count_nothing_twice(bus: Bus) -> None:
    bus.start_relay()
    bus.start_worker("same")
    bus.start_worker("same")
    written = 0
    for _ in range(4):
        written += await bus.write_many(writers=4, each=8, keys=13)
        await asyncio.sleep(0.2)
    await bus.drained(40)
    await bus.check_exact(written)


async def test_workers_come_and_go_and_nothing_is_lost_or_counted_twice(bus: Bus) -> None:
    bus.start_relay()
    workers = [bus.start_worker("w0"), bus.start_worker("w1")]
    total = 0
    total += await bus.write_many(writers=4, each=15, keys=17)
    workers.append(bus.start_worker("w2"))
    total += await bus.write_many(writers=4, each=15, keys=17)
    await bus.stop(workers[0])
    total += await bus.write_many(writers=4, each=15, keys=17)
    await bus.stop(workers[1])
    total += await bus.write_many(writers=4, each=15, keys=17)
    await bus.drained(40)
    await bus.check_exact(total)


async def test_known_at_never_goes_back_even_when_the_clock_does(bus: Bus) -> None:
    bus.start_relay()
    bus.start_worker()
    await bus.write(*range(12))
    await bus.drained()
    await bus.sql("w", "update platform_clock set shift = interval '-3 days'")
    await bus.write(*range(12))
    await bus.write(*range(12))
    await bus.drained()
    seen = await bus.sql("r", "select part, off, seq, key, known_at from seen order by part, off")
    for earlier, later in itertools.pairwise(seen):
        if earlier["part"] == later["part"]:
            assert earlier["known_at"] <= later["known_at"]
    await bus.check_exact(36)


async def test_an_event_beyond_the_limit_is_refused_when_it_is_written(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.platform.database.MAX_EVENT_BYTES", 400)
    with pytest.raises(BadInput, match="事件过大"):
        await bus.write(1)
    assert await bus.value("w", "select count(*) from outbox") == 0
    assert await bus.value("w", "select count(*) from aggregate") == 0
    monkeypatch.undo()
    await bus.write(1)
    bus.start_relay()
    bus.start_worker()
    await bus.drained()
    await bus.check_exact(1)


async def test_what_a_failed_handler_emitted_is_taken_back(bus: Bus) -> None:
    async def react(received: Received, tx: Transaction) -> None:
        tx.emit(repayment(99))
        tx.audit("test.reacted", received.key)

    bus.hook = react
    bus.fails[key(1)] = ValueError("no")
    bus.start_relay()
    bus.start_worker()
    await bus.write(1, 2, 3)
    await bus.drained()
    reactions = await bus.sql("r", "select seq from outbox order by id")
    assert [row["seq"] for row in reactions] == [1, 2]
    subjects = {row["subject"] for row in await bus.sql("r", "select subject from audit")}
    assert subjects == {key(2), key(3)}
    bus.fails.clear()
    assert await retry_parked(bus.consumer(), bus.reader) == (1, 0)
    assert await bus.value("r", "select max(seq) from outbox") == 3


async def test_a_handler_that_emits_what_breaks_its_contract_parks_its_event_only(bus: Bus) -> None:
    async def react(received: Received, tx: Transaction) -> None:
        if received.key == key(1):
            tx.emit(repayment(99, amount=-5))

    bus.hook = react
    bus.start_relay()
    bus.start_worker()
    await bus.write(1, 2)
    await bus.drained()
    assert [p["key"] for p in await bus.parked()] == [key(1)]
    assert [r["key"] for r in await bus.sql("r", "select key from seen")] == [key(2)]


async def test_the_time_of_knowing_is_that_of_the_log(bus: Bus) -> None:
    bus.start_relay()
    bus.start_worker()
    await bus.write(*range(9))
    await bus.drained()
    log = await bus.sql("w", "select part, off, at from event_log order by part, off")
    seen = await bus.sql("r", "select part, off, known_at from seen order by part, off")
    places: list[tuple[int, int, datetime]] = [tuple(row) for row in log]
    assert [tuple(row) for row in seen] == places
