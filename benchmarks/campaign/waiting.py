"""Waiting for what comes by events: asked for again and again, never slept for, never for ever."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

from benchmarks.campaign.api import Caller, Json, NotThere
from benchmarks.campaign.world import World

SERVICES = ("identity", "registry", "allocation", "visits", "credit", "reporting")
#: A province is a lot to catch up with on a busy machine.
BOUND_SECONDS = 600.0
PAUSE_SECONDS = 0.1


async def until(
    ask: Callable[[], Awaitable[str]], what: str, *, bound: float = BOUND_SECONDS
) -> None:
    """Ask until the answer is empty; an answer that is not empty says what is still missing.

    Raises: NotThere.
    """
    ends, pause = time.monotonic() + bound, PAUSE_SECONDS
    while missing := await ask():
        if time.monotonic() > ends:
            raise NotThere(f"{what}: {bound:.0f} 秒内未就绪 not there in time: {missing}")
        await asyncio.sleep(pause)
        pause = min(pause * 1.3, 1.0)


ENDED = ("done", "checked", "draft", "published")


async def job_done(
    world: World,
    who: Caller,
    path: str,
    step: Callable[[float], None] | None = None,
    *,
    ended: tuple[str, ...] = ENDED,
) -> Json:
    """Follow long work until its state says that it ended; returns its last answer.

    Raises: NotThere, where it failed.
    """
    found: Json = {}

    async def ask() -> str:
        found.update(await world.api.get(who, path))
        if step and found.get("progress") is not None:
            step(float(found["progress"]))
        state = str(found.get("state"))
        if state == "failed":
            raise NotThere(f"{path}: {found.get('error') or found.get('failure') or found}")
        return "" if state in ended else state

    await until(ask, path, bound=1_800)
    return found


async def outboxes_empty(world: World) -> None:
    """Wait until every committed event has its knowledge time: before the clock moves on."""

    async def ask() -> str:
        for name in SERVICES:
            health = await world.api.get(world.admin, f"/{name}/v1/health")
            if health["parked"]:
                raise NotThere(f"{name}: {health['parked']} 个事件被搁置 events are parked")
            if health["outbox"]:
                return f"{name} outbox {health['outbox']}"
        return ""

    await until(ask, "事件转发 relay")


async def move_clock(world: World, day: date) -> None:
    """Make it nine in the morning of `day`, everywhere."""
    await outboxes_empty(world)
    body = {"now": f"{day.isoformat()}T09:00:00+08:00"}
    for name in SERVICES:
        await world.api.post(world.admin, f"/{name}/v1/clock", body)
    world.journal.day = day


async def figures(world: World, **asked: object) -> Json:
    """Figures of the campaign, as the regulator sees them."""
    path = "/reporting/v1/figures"
    return await world.api.get(world.regulator, path, campaign_id=world.campaign_id, **asked)


async def figures_settled(world: World, quarter: str) -> None:
    """Wait until reporting has taken in all that was done so far."""
    tally = world.tally
    held = sum(1 for firm in world.firms.values() if firm.holder)
    wanted = {
        "listed": tally.listed,
        "assigned": held,
        "contacts": held - tally.without_contact,
        "visits_total": tally.visits,
        "lines_n_total": tally.lines,
        "granted_fen_total": tally.granted_fen,
        "balance_fen": tally.balance_fen,
    }
    counties: dict[str, int] = {}
    for firm in world.firms.values():
        counties[firm.region_code] = counties.get(firm.region_code, 0) + 1

    async def ask() -> str:
        total = (await figures(world, quarter=quarter))["total"]
        behind = {
            name: (total[name], value) for name, value in wanted.items() if total[name] != value
        }
        if behind:
            return f"(统计 figures, 应为 expected) {behind}"
        rows = (await figures(world, quarter=quarter, level="county"))["rows"]
        shown = {row["region_code"]: row["metrics"]["listed"] for row in rows}
        wrong = {c: (shown.get(c, 0), n) for c, n in counties.items() if shown.get(c, 0) != n}
        return f"listed by county {wrong}" if wrong else ""

    await until(ask, f"统计 figures {quarter}")


async def gathered(tasks: list[Awaitable[Any]]) -> list[Any]:
    """All of them; the first failure ends the others and is raised as it is."""
    running = [asyncio.ensure_future(task) for task in tasks]
    try:
        return await asyncio.gather(*running)
    except BaseException:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        raise
