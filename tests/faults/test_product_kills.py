"""Kill -9 of the product's own services, its sessions and its broker, while visits are posted.

`FAULTS_KILLS` says how often (docs/faults.md); the gate kills a few times.
"""

import os

import pytest

from tests.faults.harness import Plan, seed
from tests.faults.product import POSTS_A_KILL, Product, run
from tests.faults.test_kills import check

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
KILLS = int(os.environ.get("FAULTS_KILLS", "6"))


@pytest.mark.parametrize("transport", ["log", pytest.param("kafka", marks=pytest.mark.kafka)])
async def test_killed_services_lose_no_visit_and_count_none_twice(transport: str) -> None:
    plan = Plan(seed=seed(), kills=KILLS, every_s=(0.5, 1.5))
    print(f"\n{transport} seed={plan.seed}")
    async with Product(transport, posts=KILLS * POSTS_A_KILL) as product:
        check(await run(product, plan), plan)
