"""A rebuild killed at every step, while live traffic and readers go on (fault row 17)."""

from __future__ import annotations

import asyncio
import random
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from services.reporting.rebuild import rebuild
from shared.contracts.allocation import CampaignOpened
from tests.reporting.histories import World, a_history
from tests.reporting.test_rebuild import publish, sources
from tests.reporting.test_service import all_rows, opened
from tests.support.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
STEPS = ("tables", "fold", "indexes", "fingerprints", "swap")
PROGRAM = (sys.executable, "-c", "from services.reporting.cli import app; app()", "rebuild")


async def kill_at(step: str, after: float) -> None:
    """Run the command and kill it -9 a moment after it has begun a step."""
    running = await asyncio.create_subprocess_exec(*PROGRAM, cwd=ROOT, stdout=PIPE)
    assert running.stdout
    async for line in running.stdout:
        if line.decode().startswith(step):
            break
    await asyncio.sleep(after)
    if running.returncode is None:
        running.kill()
    await running.wait()


class Readers:
    """Somebody asks for the same figures again and again."""

    def __init__(self, stack: Stack, world: World) -> None:
        self._caller = stack.caller("reporting", "province_regulator")
        self._params = {"campaign_id": str(world.campaigns[0]), "quarter": "2022Q3"}
        self.listed: list[int] = []
        self.busy = 0

    async def begin(self) -> None:
        """Be known to the service: from then on the stack's own connections are not used."""
        await self._caller.get("/figures", params=self._params)
        self._caller._arrive = None

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            answer = await self._caller.get("/figures", params=self._params)
            if answer.status_code == 503:
                assert answer.json()["code"] == "figures.rebuilding"
                self.busy += 1
            else:
                assert answer.status_code == 200, answer.text
                self.listed.append(answer.json()["total"]["listed"])
            await asyncio.sleep(0.02)


async def go_on(stack: Stack, world: World, events: list[object]) -> None:
    """Live traffic: one event after the other, taken in as soon as the consumer may."""
    for received in events:
        world.teller.told = [received]  # pyright: ignore[reportAttributeAccessIssue]
        await publish(stack, world)
        await stack.settle()
        await asyncio.sleep(0.02)


@pytest.mark.faults
@pytest.mark.timeout(400)
async def test_a_rebuild_killed_at_every_step_leaves_figures_whole_and_live_going(
    stack: Stack,
) -> None:
    world = a_history(31, events=110)
    opened(world)
    # A campaign is opened before anything happens in it.
    told = sorted(world.teller.told, key=lambda r: not isinstance(r.event, CampaignOpened))
    world.teller.told, rest = told[:-25], told[-25:]
    await publish(stack, world)
    await stack.settle()
    readers, chance = Readers(stack, world), random.Random(31)
    await readers.begin()
    reading = asyncio.create_task(readers.run())
    living = asyncio.create_task(go_on(stack, world, list(rest)))
    for step in STEPS:
        await kill_at(step, after=chance.uniform(0, 0.1) if step != "swap" else 0.0)
    await asyncio.wait_for(living, 120)
    assert not reading.done(), reading.exception()
    reading.cancel()
    live = await all_rows(stack)
    found = await rebuild(sources(stack))

    print(f"{len(readers.listed)} answers, {readers.busy} told to come again")
    assert len(readers.listed) > 10
    assert min(readers.listed) == max(readers.listed) > 0
    assert found.identical
    assert found.caught_up == 0
    assert found.events == len(told)
    assert await all_rows(stack) == live
    assert (await stack.rows("reporting", "select count(*) from parked"))[0][0] == 0
