"""Rotation: the unmatched to another bank, of another type, never to one that had them."""

from datetime import date
from uuid import UUID

import pytest

from tests.allocation.world import BANK_OF, BANKS, MAY, SEPTEMBER, SUZHOU, World

OCTOBER = "2022-10-05T09:00:00+08:00"


@pytest.fixture
async def shared_out(world: World) -> World:
    """Both tiers are published; it is September."""
    await world.populate(per_city=12)
    await world.open()
    await world.share_out()
    await world.stack.set_clock(SEPTEMBER)
    return world


async def test_JS_19_only_the_unmatched_rotate_and_each_to_another_bank(
    shared_out: World,
) -> None:
    before = await shared_out.holders()
    lent, lined, old, late = (str(one) for one in shared_out.enterprise_ids[SUZHOU][:4])
    await shared_out.publish(
        [
            shared_out.loan(lent, BANKS[5], date(2022, 6, 1)),
            shared_out.line(lined, BANKS[4], date(2022, 4, 1)),
            shared_out.line(old, BANKS[4], date(2022, 3, 31)),
            shared_out.loan(late, BANKS[4], date(2022, 9, 6)),
        ]
    )
    await shared_out.stack.settle()
    plan = await shared_out.rotate()
    after = await shared_out.holders()
    stayed = {one for one in before if before[one] == after[one]}
    assert stayed == {lent, lined}
    assert (plan["moved"], plan["round"], plan["rotated_on"]) == (34, 2, "2022-09-05")
    ended = [data for _, data in await shared_out.emitted("EnterpriseUnassigned")]
    assert {(one["reason"], one["unassigned_on"]) for one in ended} == {("rotated", "2022-09-05")}
    assert {one["enterprise_id"] for one in ended} == set(before) - stayed
    began = [data for _, data in await shared_out.emitted("EnterpriseAssigned")]
    assert {one["enterprise_id"] for one in began if one["round"] == 2} == set(before) - stayed


async def test_A7_the_next_bank_is_of_another_type_and_no_bank_comes_twice(
    shared_out: World,
) -> None:
    await shared_out.rotate()
    await shared_out.stack.set_clock(OCTOBER)
    await shared_out.rotate(on="2022-10-05")
    for enterprise_id in shared_out.everybody:
        found = await shared_out.assignments(enterprise_id=str(enterprise_id), tier=2, state="all")
        banks = [one["institution_id"] for one in sorted(found, key=lambda one: one["round"])]
        assert len(set(banks)) == len(banks) == 3
        kinds = [BANK_OF[UUID(one)].changed().institution_type for one in banks]
        assert len(set(kinds)) == 3


async def test_A7_after_three_banks_there_is_no_further_round(shared_out: World) -> None:
    await shared_out.rotate()
    await shared_out.rotate()
    before = await shared_out.holders()
    plan = await shared_out.rotate()
    assert (plan["moved"], plan["assigned"], plan["exhausted"]) == (0, 0, 36)
    assert await shared_out.holders() == before


async def test_JS_19_who_was_matched_after_the_draft_does_not_rotate(shared_out: World) -> None:
    answer = await shared_out.regulator.post(
        f"/campaigns/{shared_out.campaign_id}/rotations",
        json={"rotated_on": "2022-09-05", "seed": 1},
    )
    await shared_out.stack.settle()
    before = await shared_out.holders()
    lucky = str(shared_out.everybody[0])
    await shared_out.publish([shared_out.loan(lucky, BANKS[0], date(2022, 9, 1))])
    await shared_out.stack.settle()
    plan = await shared_out.make_binding(answer.json()["plan_id"])
    assert plan["moved"] == 35
    assert (await shared_out.holders())[lucky] == before[lucky]


async def test_JS_08_a_rotated_enterprise_needs_a_contact_of_its_new_bank(
    shared_out: World,
) -> None:
    bank = BANKS[0]
    mine = await shared_out.assignments(shared_out.bank_head(bank), tier=2)
    await shared_out.name_contacts(bank, SUZHOU, mine)
    await shared_out.rotate()
    answer = await shared_out.name_contacts(bank, SUZHOU, mine)
    assert {one["errors"][0]["code"] for one in answer.json()["rows"]} == {"assignment.ended"}
    found = await shared_out.assignments(tier=2)
    assert {one["state"] for one in found} == {"assigned"}


async def test_JS_19_a_rotation_is_not_before_its_day_and_not_in_the_future(
    shared_out: World,
) -> None:
    path = f"/campaigns/{shared_out.campaign_id}/rotations"
    for on, code in (("2022-09-06", "rotation.in_future"), ("2022-09-04", "rotation.too_early")):
        answer = await shared_out.regulator.post(path, json={"rotated_on": on, "seed": 1})
        assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_JS_19_a_round_does_not_begin_before_the_one_it_follows(shared_out: World) -> None:
    await shared_out.stack.set_clock(OCTOBER)
    await shared_out.rotate(on="2022-10-05")
    answer = await shared_out.regulator.post(
        f"/campaigns/{shared_out.campaign_id}/rotations",
        json={"rotated_on": "2022-10-04", "seed": 1},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "rotation.too_early")


async def test_JS_19_before_tier_two_there_is_nothing_to_rotate(world: World) -> None:
    await world.populate(per_city=1)
    await world.open()
    await world.stack.set_clock(SEPTEMBER)
    answer = await world.regulator.post(
        f"/campaigns/{world.campaign_id}/rotations", json={"rotated_on": "2022-09-05", "seed": 1}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "plan.none_in_force")


async def test_A1_two_drafts_of_one_round_cannot_both_be_published(shared_out: World) -> None:
    drafts = []
    for seed in (1, 2):
        answer = await shared_out.regulator.post(
            f"/campaigns/{shared_out.campaign_id}/rotations",
            json={"rotated_on": "2022-09-05", "seed": seed},
        )
        drafts.append(answer.json()["plan_id"])
    await shared_out.stack.settle()
    await shared_out.make_binding(drafts[0])
    await shared_out.check(drafts[1])
    answer = await shared_out.regulator.post(f"/plans/{drafts[1]}/publication")
    assert (answer.status_code, answer.json()["code"]) == (409, "plan.stale")


async def test_A1_after_a_rotation_the_list_is_not_shared_out_afresh(shared_out: World) -> None:
    draft = await shared_out.plan(2, seed=3)
    await shared_out.rotate()
    await shared_out.check(draft)
    stale = await shared_out.regulator.post(f"/plans/{draft}/publication")
    assert stale.json()["code"] == "plan.rotation_began"
    answer = await shared_out.regulator.post(
        f"/campaigns/{shared_out.campaign_id}/plans", json={"tier": 2, "seed": 4}
    )
    assert answer.json()["code"] == "plan.rotation_began"


async def test_JS_19_a_bank_that_had_it_under_a_superseded_plan_does_not_get_it_again(
    world: World,
) -> None:
    await world.populate(per_city=12)
    await world.open()
    await world.share_out()
    await world.publish(BANKS[0].outlet(city, active=False) for city in world.enterprise_ids)
    await world.stack.settle()
    await world.stack.set_clock(MAY)
    await world.make_binding(await world.plan(2))
    await world.publish(BANKS[0].outlet(city) for city in world.enterprise_ids)
    await world.stack.settle()
    await world.stack.set_clock(SEPTEMBER)
    await world.rotate()
    for enterprise_id in world.everybody:
        found = await world.assignments(enterprise_id=str(enterprise_id), tier=2, state="all")
        assert len({one["institution_id"] for one in found}) == len(found)
