"""A joint plan is solved in a process of its own, which ends with whoever has asked for it."""

import asyncio
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from services.allocation.domain import planning
from services.allocation.domain.planning import solve_city
from services.allocation.usecases.apart import solver
from services.embedded import ROOT
from tests.allocation.domain.build import a_city
from tests.allocation.world import SUZHOU, World

#: Solves a city apart, says in which process, and then waits for ever.
PARENT = """
import asyncio, multiprocessing
from services.allocation.usecases.apart import solver
from tests.allocation.domain.build import a_city

async def main():
    async with solver("joint") as solving:
        await solving(a_city(enterprises=20, banks=3).task(form="joint"))
        print(multiprocessing.active_children()[0].pid, flush=True)
        await asyncio.sleep(3600)

if __name__ == "__main__":
    asyncio.run(main())
"""


async def test_U8_apart_or_here_the_solution_is_the_same() -> None:
    task = a_city(enterprises=30, banks=3).task(form="joint")
    async with solver("joint") as solving:
        apart = await solving(task)
    assert apart == solve_city(task)


async def test_A1_a_solve_that_nobody_waits_for_any_more_is_killed() -> None:
    asked, others = asyncio.Event(), multiprocessing.active_children()

    async def solve_for_a_while() -> None:
        async with solver("joint") as solving:
            solved = solving(a_city(enterprises=30, banks=3).task(form="joint"))
            asked.set()
            await solved

    work = asyncio.create_task(solve_for_a_while())
    await asked.wait()
    (child,) = set(multiprocessing.active_children()) - set(others)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    child.join(10)
    assert child.exitcode == -signal.SIGKILL


async def test_A1_the_process_of_a_killed_worker_ends_with_it(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = await asyncio.create_subprocess_exec(
        sys.executable, script, stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert parent.stdout
    child = int(await parent.stdout.readline())
    assert _lives(child)
    parent.kill()
    await parent.wait()
    until = time.monotonic() + 20
    while _lives(child) and time.monotonic() < until:
        await asyncio.sleep(0.05)
    gone = not _lives(child)
    if not gone:
        os.kill(child, signal.SIGKILL)
    assert gone


def _lives(pid: int) -> bool:
    """Whether a process is there and not only waiting for somebody to read how it ended."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


async def test_A3_a_joint_plan_is_replayed_outside_of_the_process_that_answers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.populate(per_city=4)
    await world.open()
    await world.make_binding(await world.plan(1))
    plan_id = await world.plan(2, form="joint")

    def here(*_: object) -> None:
        raise AssertionError("solved in the process that answers everybody")

    monkeypatch.setattr(planning, "allocate_jointly", here)
    assert (await world.read(f"/plans/{plan_id}/replay", city_code=SUZHOU))["same"]
