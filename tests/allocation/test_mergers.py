"""Two enterprises that are one: they take part once, and no bank comes twice to them (R3)."""

from datetime import date
from uuid import UUID, uuid4

import pytest

from shared.contracts.registry import EnterprisesMerged, EnterprisesUnmerged
from tests.allocation.world import BANKS, SEPTEMBER, SUZHOU, World

MERGER = uuid4()


async def merge(world: World, survivor: UUID, merged: UUID) -> None:
    await world.publish(
        [
            EnterprisesMerged(
                enterprise_id=each, merger_id=MERGER, survivor_id=survivor, merged_id=merged,
                merged_on=date(2022, 3, 1),
            )
            for each in (survivor, merged)
        ]
    )  # fmt: skip
    await world.stack.settle()


async def unmerge(world: World, survivor: UUID, merged: UUID) -> None:
    await world.publish(
        [
            EnterprisesUnmerged(
                enterprise_id=each, merger_id=MERGER, survivor_id=survivor, merged_id=merged,
                unmerged_on=date(2022, 9, 1),
            )
            for each in (survivor, merged)
        ]
    )  # fmt: skip
    await world.stack.settle()


@pytest.mark.parametrize("undone", [False, True])
async def test_R3_two_that_are_one_take_part_once(world: World, undone: bool) -> None:
    await world.populate(per_city=12)
    survivor, merged = world.enterprise_ids[SUZHOU][:2]
    await merge(world, survivor, merged)
    if undone:
        await unmerge(world, survivor, merged)
    await world.open()
    enrolled = {data["enterprise_id"] for _, data in await world.emitted("EnterpriseEnrolled")}
    assert str(survivor) in enrolled
    assert (str(merged) in enrolled, len(enrolled)) == ((True, 36) if undone else (False, 35))


async def test_R3_a_merger_ends_no_duty_and_its_undoing_leaves_all_as_it_was(world: World) -> None:
    await world.populate(per_city=12)
    await world.open()
    await world.share_out()
    before = await world.holders()
    survivor, merged = world.enterprise_ids[SUZHOU][:2]
    await merge(world, survivor, merged)
    (shown,) = await world.assignments(enterprise_id=str(merged), tier=2)
    assert (shown["merged_into"], shown["state"]) == (str(survivor), "assigned")
    (own,) = await world.assignments(enterprise_id=str(survivor), tier=2)
    assert own["merged_into"] is None
    assert await world.holders() == before
    assert await world.emitted("EnterpriseUnassigned") == []
    await unmerge(world, survivor, merged)
    (shown,) = await world.assignments(enterprise_id=str(merged), tier=2)
    assert shown["merged_into"] is None
    assert await world.holders() == before


async def test_R3_a_rotation_counts_the_banks_and_loans_of_both(world: World) -> None:
    await world.populate(per_city=12)
    await world.open()
    await world.share_out()
    await world.stack.set_clock(SEPTEMBER)
    before = await world.holders()
    mine = world.enterprise_ids[SUZHOU]
    survivor, lucky = mine[0], mine[1]
    merged = next(e for e in mine[2:] if before[str(e)] != before[str(survivor)])
    lender = next(e for e in mine[2:] if e != merged)
    await merge(world, survivor, merged)
    await world.publish(
        [
            EnterprisesMerged(
                enterprise_id=lender, merger_id=uuid4(), survivor_id=lucky, merged_id=lender,
                merged_on=date(2022, 3, 1),
            ),
            world.loan(lender, BANKS[0], date(2022, 6, 1)),
        ]
    )  # fmt: skip
    await world.stack.settle()
    await world.rotate()
    after = await world.holders()
    assert after[str(survivor)] not in {before[str(survivor)], before[str(merged)]}
    # What one of two that are one was lent, both were; and nobody looks for a bank for the merged.
    assert {after[str(e)] == before[str(e)] for e in (lucky, lender, merged)} == {True}


async def test_JS_19_R3_merged_into_one_outside_the_campaign_it_rotates_with_its_own_banks(
    world: World,
) -> None:
    await world.populate(per_city=12)
    await world.open()
    await world.share_out()
    await world.stack.set_clock(SEPTEMBER)
    for merged in world.enterprise_ids[SUZHOU]:
        await merge(world, uuid4(), merged)
    await world.rotate()
    await world.rotate()
    for merged in world.enterprise_ids[SUZHOU]:
        had = await world.assignments(enterprise_id=str(merged), tier=2, state="all")
        assert len({one["institution_id"] for one in had}) == len(had) == 3
