"""Jobs outlive their workers, and one that fails stops no other."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from shared.kernel.errors import BadInput
from shared.platform import jobs
from shared.platform.database import Transaction
from shared.platform.jobs import JobEnding, JobHandler, JobRunner, Work, start_job
from tests.platform.bus import Bus


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "STALE_SECONDS", 0.6)
    monkeypatch.setattr(jobs, "BEAT_SECONDS", 0.15)
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.1)


def start(
    bus: Bus,
    handlers: dict[str, JobHandler],
    worker: str = "w0",
    endings: dict[str, JobEnding] | None = None,
) -> asyncio.Task[None]:
    runner = JobRunner(
        handlers=handlers, database=bus.writer, settings=None, worker=worker, endings=endings
    )
    return bus._start(runner.run())


async def enqueue(bus: Bus, kind: str, **params: Any) -> UUID:
    async with bus.writer.transaction() as tx:
        return await start_job(tx, kind, params)


async def state(bus: Bus, job_id: UUID) -> str:
    return await bus.value("w", "select state from job where job_id = $1", job_id)


async def until_state(bus: Bus, job_id: UUID, wanted: str) -> None:
    async def reached() -> bool:
        return await state(bus, job_id) == wanted

    await bus.until(reached, 15)


async def test_a_job_whose_worker_was_killed_is_begun_again_by_the_next(log_bus: Bus) -> None:
    begun: list[int] = []

    async def long(work: Work) -> dict[str, Any]:
        begun.append(work.attempt)
        if len(begun) == 1:
            await asyncio.sleep(60)
        return {"n": work.params["n"]}

    job_id = await enqueue(log_bus, "long", n=7)
    first = start(log_bus, {"long": long}, "first")
    await until_state(log_bus, job_id, "running")
    await log_bus.stop(first)  # no farewell: the row still says running
    assert await state(log_bus, job_id) == "running"
    start(log_bus, {"long": long}, "second")
    await until_state(log_bus, job_id, "done")
    assert begun == [1, 2]
    assert await log_bus.value("w", "select result->>'n' from job") == "7"


async def test_a_job_at_work_is_not_taken_by_another_worker(log_bus: Bus) -> None:
    begun = 0

    async def long(_work: Work) -> dict[str, Any]:
        nonlocal begun
        begun += 1
        await asyncio.sleep(1.5)
        return {}

    job_id = await enqueue(log_bus, "long")
    start(log_bus, {"long": long}, "first")
    start(log_bus, {"long": long}, "second")
    await until_state(log_bus, job_id, "done")
    assert begun == 1


async def test_a_stalled_worker_that_ends_late_does_not_overwrite_its_successor(
    log_bus: Bus,
) -> None:
    gate = asyncio.Event()
    runners = [
        JobRunner(handlers={}, database=log_bus.writer, settings=None, worker=name)
        for name in ("stalled", "next")
    ]

    async def stalls(_work: Work) -> dict[str, Any]:
        await gate.wait()
        return {"by": "stalled"}

    async def works(_work: Work) -> dict[str, Any]:
        return {"by": "next"}

    runners[0]._handlers, runners[1]._handlers = {"k": stalls}, {"k": works}
    job_id = await enqueue(log_bus, "k")
    taken = await runners[0]._take()
    assert taken
    stalled = asyncio.create_task(runners[0]._do(*taken))
    await log_bus.sql("w", "update job set beat_at = now() - interval '1 minute'")
    again = await runners[1]._take()
    assert again
    await runners[1]._do(*again)
    gate.set()
    await stalled
    assert await state(log_bus, job_id) == "done"
    assert await log_bus.value("w", "select result->>'by' from job") == "next"


async def test_a_failing_job_says_why_and_stops_no_other(log_bus: Bus) -> None:
    async def bad_input(_work: Work) -> dict[str, Any]:
        raise BadInput("import.sheet", "没有这个工作表")

    async def bug(_work: Work) -> dict[str, Any]:
        raise ZeroDivisionError("oops")

    async def good(_work: Work) -> dict[str, Any]:
        return {"ok": True}

    handlers: dict[str, JobHandler] = {"bad": bad_input, "bug": bug, "good": good}
    ids = [await enqueue(log_bus, kind) for kind in ("bad", "bug", "good")]
    start(log_bus, handlers)
    await until_state(log_bus, ids[2], "done")
    rows = await log_bus.sql("w", "select kind, state, error, result->>'code' as code from job")
    found = {row["kind"]: (row["state"], row["error"], row["code"]) for row in rows}
    assert found["bad"][0] == "failed"
    assert found["bad"][2] == "import.sheet"
    assert found["bug"][0] == "failed"
    assert "oops" in found["bug"][1]


async def test_a_job_that_loses_its_database_session_is_tried_again(log_bus: Bus) -> None:
    tries = 0

    async def cut(work: Work) -> dict[str, Any]:
        nonlocal tries
        tries += 1
        async with work.transaction() as tx:
            driver = await tx.driver()
            if tries == 1:
                await log_bus.sql("w", "select pg_terminate_backend($1)", driver.get_server_pid())
            await driver.execute("select 1")
        return {}

    job_id = await enqueue(log_bus, "cut")
    start(log_bus, {"cut": cut})
    await until_state(log_bus, job_id, "done")
    assert tries == 2


async def test_a_job_that_kills_every_worker_is_given_up(log_bus: Bus) -> None:
    job_id = await enqueue(log_bus, "deadly")
    await log_bus.sql(
        "w",
        "update job set state = 'running', attempts = $1, beat_at = now() - interval '1 hour'",
        jobs.MAX_ATTEMPTS,
    )

    async def deadly(_work: Work) -> dict[str, Any]:
        raise AssertionError("never again")

    start(log_bus, {"deadly": deadly})
    await until_state(log_bus, job_id, "failed")


async def test_a_job_that_ends_badly_in_whatever_way_takes_its_ending_with_it(
    log_bus: Bus,
) -> None:
    ended: list[tuple[str, str]] = []

    async def no_file(_work: Work) -> dict[str, Any]:
        raise ConnectionError("the database is away")

    async def bug(_work: Work) -> dict[str, Any]:
        raise ZeroDivisionError("oops")

    async def refused(_work: Work) -> dict[str, Any]:
        raise BadInput("import.sheet", "没有这个工作表")

    async def good(_work: Work) -> dict[str, Any]:
        return {}

    async def ending(tx: Transaction, params: dict[str, Any]) -> None:
        driver = await tx.driver()
        how = params["how"]
        if how == "bug":  # the transaction goes on, and so do the others
            await driver.execute("select 1 / 0")
        closed = await driver.fetchval("select state from job where params->>'how' = $1", how)
        ended.append((how, closed))

    handlers: dict[str, JobHandler] = {
        "away": no_file, "bug": bug, "refused": refused, "dead": good, "good": good,
    }  # fmt: skip
    ids = {kind: await enqueue(log_bus, kind, how=kind) for kind in handlers}
    await log_bus.sql(
        "w", "update job set attempts = $1 where kind = 'away'", jobs.MAX_ATTEMPTS - 1
    )
    await log_bus.sql(
        "w",
        "update job set state = 'running', attempts = $1, beat_at = now() - interval '1 hour'"
        " where kind = 'dead'",
        jobs.MAX_ATTEMPTS,
    )
    start(log_bus, handlers, endings=dict.fromkeys(handlers, ending))
    for kind, wanted in (
        ("bug", "failed"),
        ("away", "failed"),
        ("dead", "failed"),
        ("good", "done"),
    ):
        await until_state(log_bus, ids[kind], wanted)
    await until_state(log_bus, ids["refused"], "failed")
    assert sorted(ended) == [("away", "failed"), ("dead", "failed"), ("refused", "failed")]
    rows = await log_bus.sql("w", "select kind, error, result->>'code' as code from job")
    said = {row["kind"]: (row["error"], row["code"]) for row in rows}
    assert said["away"] == said["dead"] == (jobs.GIVEN_UP, "job.given_up")
    assert said["bug"][1] == "job.broken"
