"""Publications that are killed again and again end with one holder each, told once, at every tier.

The same for the whole province and twenty kills: `./yinqi bench planning`.
"""

from itertools import pairwise

import pytest

from benchmarks.allocation.killing import UnderFire
from benchmarks.allocation.stored import StoredProvince
from benchmarks.bed import Bed

NODES = ("province", "bureau", "institution", "branch", "outlet", "contact")


@pytest.mark.faults
@pytest.mark.timeout(900)
async def test_A1_publications_killed_at_random_points_give_each_one_node_and_one_event() -> None:
    tiers = [{"tier": n, "from": a, "to": b} for n, (a, b) in enumerate(pairwise(NODES), 1)]
    async with Bed("allocation") as bed:
        province = StoredProvince(bed)
        await province.store("small", 1_200)
        fire = UnderFire(province, seed=2)
        await fire.open(tiers=tiers)
        hits = 0
        for tier, kills in ((1, 0), (2, 3), (3, 2), (4, 2)):
            outcome = await fire.publish(tier, kills)
            assert outcome.right, outcome
            assert outcome.placed == 1_200
            hits += outcome.hits
        assert hits > 0  # a kill that falls before or after the work proves nothing
