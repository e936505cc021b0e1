"""A publication that is killed again and again ends with one holder each, told once.

The same for the whole province and twenty kills: `./yinqi bench planning`.
"""

import pytest

from benchmarks.allocation.killing import publish_under_fire
from benchmarks.allocation.stored import StoredProvince
from benchmarks.bed import Bed


@pytest.mark.faults
@pytest.mark.timeout(600)
async def test_A1_a_publication_killed_at_random_points_gives_each_one_bank_and_one_event() -> None:
    async with Bed("allocation") as bed:
        province = StoredProvince(bed)
        await province.store("small", 1_200)
        outcome = await publish_under_fire(province, kills=3, seed=2)
    assert outcome.right, outcome
    assert (outcome.placed, outcome.kills) == (1_200, 3)
