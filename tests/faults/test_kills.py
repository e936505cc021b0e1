"""Kill -9 of anything, at any moment, under load: nothing lost, nothing counted twice."""

from pathlib import Path

import pytest

from tests.faults.harness import Plan, Result, System, run, seed

pytestmark = pytest.mark.faults
CACHE = Path(__file__).resolve().parents[2] / ".yinqi" / "cache"


def check(result: Result, plan: Plan) -> None:
    print(f"\n{result.line()}\n{result.figures()}")
    said = f"seed {plan.seed}: {result}"
    assert result.kills == plan.kills, said
    assert result.acknowledged > 100, said
    assert (result.lost, result.wrote_twice) == (0, 0), said
    assert (result.counted_twice, result.wrong_sums, result.parked) == (0, 0, 0), said


@pytest.mark.kafka
@pytest.mark.timeout(300)
async def test_fifty_kills_on_kafka_lose_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    plan = Plan(seed=seed(), kills=50, long_outage_s=22)
    print(f"\nseed={plan.seed}")
    async with System(tmp_path, "kafka", CACHE) as system:
        check(await run(system, plan), plan)


@pytest.mark.timeout(150)
async def test_fifteen_kills_on_the_log_lose_nothing_and_count_nothing_twice(
    tmp_path: Path,
) -> None:
    plan = Plan(seed=seed(), kills=15)
    print(f"\nseed={plan.seed}")
    async with System(tmp_path, "log", CACHE) as system:
        check(await run(system, plan), plan)
