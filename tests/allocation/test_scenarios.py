"""What-ifs on the plan in force: compared, priced, listed, and nothing is published."""

from typing import Any

from tests.allocation.world import BANKS, NANJING, SUZHOU, World


async def shared_out(world: World) -> World:
    await world.populate()
    await world.open()
    await world.share_out()
    return world


async def try_out(world: World, name: str, caller: Any = None, **fields: Any) -> Any:
    answer = await (caller or world.regulator).post(
        f"/campaigns/{world.campaign_id}/scenarios", json={"name": name, "changes": {}} | fields
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_A5_two_scenarios_list_whom_they_move_and_the_live_plan_is_untouched(
    world: World,
) -> None:
    await shared_out(world)
    before = await world.holders()
    events = len(await world.emitted())
    same = await try_out(world, "不变")
    assert (same["moved"], same["now"], same["city_code"]) == (0, same["then"], None)
    crowded = {
        "city_code": SUZHOU, "institution_id": str(BANKS[0].institution_id), "capacity": 0,
    }  # fmt: skip
    other = await try_out(world, "一家停办", changes={"capacities": [crowded]})
    held = {one for one, bank in before.items() if bank == str(BANKS[0].institution_id)}
    moves = (await world.read(f"/scenarios/{other['scenario_id']}/moves", limit=500))["items"]
    assert other["moved"] == len(moves) > 0
    lost = {one["enterprise_id"] for one in moves if one["from_id"] == str(BANKS[0].institution_id)}
    assert lost <= held
    assert all(one["city_code"] == SUZHOU and one["to_id"] != one["from_id"] for one in moves)
    assert all(before[one["enterprise_id"]] == one["from_id"] for one in moves)
    (closed,) = [
        one for one in other["load"]
        if (one["city_code"], one["institution_id"]) == (SUZHOU, str(BANKS[0].institution_id))
    ]  # fmt: skip
    assert (closed["now"] > 0, closed["then"]) == (True, 0)
    assert await world.holders() == before
    assert len(await world.emitted()) == events
    listed = (await world.read(f"/campaigns/{world.campaign_id}/scenarios"))["items"]
    assert {one["name"] for one in listed} == {"不变", "一家停办"}


async def test_A5_a_what_if_is_solved_as_a_scenario_is_and_leaves_nothing(world: World) -> None:
    await shared_out(world)
    path = f"/campaigns/{world.campaign_id}/what-if"
    policy = {"total_bp": -1, "hard_bp": -1, "stick_m": 0, "no_relation_m": 0}
    kept = await try_out(world, "留存", city_code=SUZHOU, changes=policy)
    counts = "select (select count(*) from scenario), (select count(*) from audit), (select count(*) from idempotency)"  # fmt: skip
    before = await world.stack.rows("allocation", counts)
    tried = await world.read(path, city_code=SUZHOU, **policy)
    assert tried["moved"] == kept["moved"] > 0
    for name in ("plan_id", "city_code", "now", "then", "load"):
        assert tried[name] == kept[name], name
    listed = (await world.read(f"/scenarios/{kept['scenario_id']}/moves", limit=500))["items"]
    assert tried["moves"] == listed[:50]
    assert await world.stack.rows("allocation", counts) == before
    own = await world.read(path, world.bureau(SUZHOU))
    assert own["city_code"] == SUZHOU
    elsewhere = await world.bureau(SUZHOU).get(path, params={"city_code": NANJING})
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "plan.city_unknown")
    assert (await world.bank_head(BANKS[0]).get(path)).status_code == 403


async def test_A5_each_policy_has_a_price_that_is_never_below_zero(world: World) -> None:
    await shared_out(world)
    made = await try_out(world, "苏州", city_code=SUZHOU, changes={"stick_m": 0})
    prices = (await world.read(f"/scenarios/{made['scenario_id']}/policy-prices"))["items"]
    saved = {one["part"]: one["saved_m"] for one in prices}
    assert saved["none"] == 0
    assert saved["total_band"] >= 0
    assert saved["hard_band"] >= 0
    assert saved["relation"] <= 0


async def test_U9_names_are_unique_scenarios_can_be_dropped_and_a_bureau_has_its_own_city(
    world: World,
) -> None:
    await shared_out(world)
    bureau = world.bureau(SUZHOU)
    all_of_it = await try_out(world, "分局全市", bureau)
    assert all_of_it["city_code"] == SUZHOU
    assert (await bureau("DELETE", f"/scenarios/{all_of_it['scenario_id']}")).status_code == 200
    mine = await try_out(world, "分局测算", bureau, city_code=SUZHOU)
    await try_out(world, "省局测算", city_code=NANJING)
    path = f"/campaigns/{world.campaign_id}/scenarios"
    again = await world.regulator.post(path, json={"name": "省局测算", "changes": {}})
    assert (again.status_code, again.json()["code"]) == (409, "scenario.exists")
    elsewhere = await bureau.post(path, json={"name": "x", "city_code": NANJING, "changes": {}})
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "plan.city_unknown")
    assert [one["name"] for one in (await world.read(path, bureau))["items"]] == ["分局测算"]
    refused = await world.bank_head(BANKS[0]).get(path)
    assert refused.status_code == 403
    gone = await bureau("DELETE", f"/scenarios/{mine['scenario_id']}")
    assert gone.status_code == 200, gone.text
    assert (await world.read(path, bureau))["items"] == []


async def test_A5_a_what_if_needs_a_plan_in_force(world: World) -> None:
    await world.populate()
    await world.open()
    answer = await world.regulator.post(
        f"/campaigns/{world.campaign_id}/scenarios", json={"name": "早", "changes": {}}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "plan.none_in_force")


async def test_A5_a_plan_with_seats_is_not_compared_with_one_without(world: World) -> None:
    """No change means no move, or no answer: the same list without outlets' limits is another."""
    await shared_out(world)
    made = await try_out(world, "不变")
    assert made["moved"] == 0
    await world.make_binding(await world.plan(2, form="joint"))
    path = f"/campaigns/{world.campaign_id}/scenarios"
    tried = await world.regulator.post(path, json={"name": "联合", "changes": {}})
    priced = await world.regulator.get(f"/scenarios/{made['scenario_id']}/policy-prices")
    asked = await world.regulator.get(f"/campaigns/{world.campaign_id}/what-if")
    for answer in (tried, priced, asked):
        assert (answer.status_code, answer.json()["code"]) == (409, "scenario.joint_plan")
    assert [one["name"] for one in (await world.read(path))["items"]] == ["不变"]
