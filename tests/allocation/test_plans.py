"""Plans: solved with reasons, published once, superseded by moves only."""

from collections import Counter
from datetime import date

import pytest

from services.allocation.store import parts as part_store
from services.allocation.usecases import publishing
from shared.kernel.ids import derived_id
from tests.allocation.world import BANK_OF, BANKS, NANJING, SUZHOU, WUXI, World


@pytest.fixture
async def opened(world: World) -> World:
    """The campaign is open, nothing is shared out yet."""
    await world.populate()
    await world.open()
    return world


async def test_JS_06_tier_one_goes_to_the_bureaus_and_leaves_the_capital_to_its_banks(
    opened: World,
) -> None:
    plan = await opened.make_binding(await opened.plan(1))
    assert {(one["city_code"], one["bureau_code"], one["assigned"]) for one in plan["load"]} == {
        (NANJING, None, 20),
        (SUZHOU, SUZHOU, 20),
        (WUXI, WUXI, 20),
    }
    assert (plan["assigned"], plan["unassigned"], plan["direct"]) == (40, 0, 20)
    assert sum(one["quota"] for one in plan["load"]) == 60
    events = [data for _, data in await opened.emitted("EnterpriseAssigned")]
    assert Counter(one["bureau_code"] for one in events) == {SUZHOU: 20, WUXI: 20}
    assert {(one["tier"], one["round"], one["institution_id"]) for one in events} == {(1, 1, None)}
    rows = (await opened.read(f"/plans/{plan['plan_id']}/assignments", limit=500))["items"]
    assert Counter(one["reason"]["why"] for one in rows) == {"own_city": 40, "capital_direct": 20}


async def test_JS_07_tier_two_gives_everybody_to_a_bank_of_the_city_within_capacity(
    opened: World,
) -> None:
    await opened.share_out()
    (plan, *_) = (await opened.read("/plans", campaign_id=opened.campaign_id))["items"]
    view = await opened.read(f"/plans/{plan['plan_id']}")
    assert (view["assigned"], view["unassigned"], view["tier"]) == (60, 0, 2)
    assert all(one["assigned"] <= one["capacity"] for one in view["load"])
    assert all(one["violations"] == 0 for one in view["cities"])
    assert 0 <= view["gini"] < 0.2
    events = [data for _, data in await opened.emitted("EnterpriseAssigned") if data["tier"] == 2]
    assert Counter(one["enterprise_id"] for one in events) == Counter(map(str, opened.everybody))
    assert {one["institution_id"] for one in events} <= {str(one) for one in BANK_OF}
    (published,) = [data for _, data in await opened.emitted("PlanPublished") if data["tier"] == 2]
    assert (published["assigned"], published["version"]) == (60, 1)


async def test_JS_06_the_tier_of_bureaus_has_no_outlets_to_seat_anybody_at(opened: World) -> None:
    answer = await opened.regulator.post(
        f"/campaigns/{opened.campaign_id}/plans", json={"tier": 1, "seed": 1, "form": "joint"}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "plan.form_not_here")


async def test_JS_07_tier_two_waits_for_a_published_tier_one(opened: World) -> None:
    path = f"/campaigns/{opened.campaign_id}/plans"
    answer = await opened.regulator.post(path, json={"tier": 2, "seed": 1})
    assert (answer.status_code, answer.json()["code"]) == (409, "plan.no_base")
    await opened.plan(1)
    answer = await opened.regulator.post(path, json={"tier": 2, "seed": 1})
    assert answer.json()["code"] == "plan.no_base"


async def test_JS_06_who_moved_goes_to_the_bureau_where_it_is(opened: World) -> None:
    mover = opened.enterprise_ids[SUZHOU][0]
    await opened.publish([opened.moved(mover, WUXI, date(2022, 4, 2))])
    await opened.stack.settle()
    await opened.make_binding(await opened.plan(1))
    (found,) = await opened.assignments(enterprise_id=str(mover))
    assert (found["bureau_code"], found["region_code"]) == (WUXI, "320205")


async def test_A2_a_bank_without_people_gets_nothing(opened: World) -> None:
    idle = BANKS[3]
    await opened.publish(
        idle.outlet(city, relationship_managers=0) for city in opened.enterprise_ids
    )
    await opened.stack.settle()
    await opened.share_out()
    assert str(idle.institution_id) not in set((await opened.holders()).values())
    assert len(await opened.holders()) == 60


async def test_A2_too_little_room_is_explained_and_nothing_is_overfilled(opened: World) -> None:
    await opened.publish(
        bank.outlet(city, service_capacity=3) for bank in BANKS for city in opened.enterprise_ids
    )
    await opened.stack.settle()
    await opened.make_binding(await opened.plan(1))
    plan_id = await opened.plan(2)
    view = await opened.read(f"/plans/{plan_id}")
    assert (view["assigned"], view["unassigned"]) == (54, 6)
    assert sum(one["short"] for one in view["shortages"]) == 6
    assert all(one["assigned"] == one["capacity"] == 3 for one in view["load"])
    await opened.make_binding(plan_id)
    assert len(await opened.holders()) == 54


async def test_A3_any_enterprise_s_reason_can_be_read_and_the_city_replayed(
    opened: World,
) -> None:
    await opened.make_binding(await opened.plan(1))
    plan_id = await opened.plan(2)
    enterprise_id = opened.enterprise_ids[SUZHOU][0]
    row = await opened.read(f"/plans/{plan_id}/assignments/{enterprise_id}")
    bank = BANK_OF[next(one for one in BANK_OF if str(one) == row["institution_id"])]
    assert row["nearest_outlet_id"] == str(bank.outlet_id(SUZHOU))
    reason = row["reason"]
    assert 0 < row["distance_m"] < 60_000
    assert reason["cost_m"] >= row["distance_m"]
    assert reason["margin_m"] >= 0
    assert {"runner_up_id", "binding", "distance_rank", "tie_number", "tie_seed"} <= set(reason)
    for city in opened.enterprise_ids:
        assert (await opened.read(f"/plans/{plan_id}/replay", city_code=city))["same"]
    other = await opened.regulator.get(f"/plans/{plan_id}/replay", params={"city_code": "320300"})
    assert other.status_code == 404


async def test_A3_a_replay_shows_that_stored_results_were_touched(opened: World) -> None:
    await opened.make_binding(await opened.plan(1))
    plan_id = await opened.plan(2)
    async with opened.stack.database("allocation").transaction() as tx:
        driver = await tx.driver()
        await driver.execute("update plan_city set digest = 'f00d' where city_code = $1", SUZHOU)
    assert not (await opened.read(f"/plans/{plan_id}/replay", city_code=SUZHOU))["same"]


async def test_A4_the_same_seed_gives_the_same_plan(opened: World) -> None:
    await opened.make_binding(await opened.plan(1))
    first, again = await opened.plan(2, seed=5), await opened.plan(2, seed=5)
    digests = [
        [one["digest"] for one in (await opened.read(f"/plans/{plan}"))["cities"]]
        for plan in (first, again)
    ]
    assert digests[0] == digests[1]


async def test_A1_a_published_plan_stays_and_cannot_be_published_again(opened: World) -> None:
    plan_id = await opened.plan(1)
    await opened.make_binding(plan_id)
    answer = await opened.regulator.post(f"/plans/{plan_id}/publication")
    assert (answer.status_code, answer.json()["code"]) == (409, "plan.not_checked")
    assert len(await opened.emitted("PlanPublished")) == 1


async def test_A1_two_publications_at_once_publish_once(opened: World) -> None:
    plan_id = await opened.plan(1)
    await opened.check(plan_id)
    first = await opened.regulator.post(f"/plans/{plan_id}/publication")
    second = await opened.regulator.post(f"/plans/{plan_id}/publication")
    assert (first.status_code, second.status_code) == (202, 409)
    assert second.json()["code"] == "plan.publishing"
    await opened.stack.settle()
    assert len(await opened.emitted("EnterpriseAssigned")) == 40


async def test_A1_a_new_plan_of_the_tier_announces_only_those_that_move(opened: World) -> None:
    await opened.share_out()
    before = {one["enterprise_id"]: one for one in await opened.assignments(tier=2)}
    old = (await opened.read("/plans", campaign_id=opened.campaign_id))["items"][0]["plan_id"]
    sent = len(await opened.emitted("EnterpriseAssigned"))
    await opened.publish(BANKS[0].outlet(city, active=False) for city in opened.enterprise_ids)
    await opened.stack.settle()

    plan = await opened.make_binding(await opened.plan(2))

    after = {one["enterprise_id"]: one for one in await opened.assignments(tier=2)}
    moves = {one for one in before if before[one]["institution_id"] != after[one]["institution_id"]}
    assert 0 < len(moves) < 60
    assert plan["moved"] == len(moves)
    ended = [data for _, data in await opened.emitted("EnterpriseUnassigned")]
    assert {one["enterprise_id"] for one in ended} == moves
    assert {one["assignment_id"] for one in ended} == {
        before[one]["assignment_id"] for one in moves
    }
    assert {one["reason"] for one in ended} == {"superseded"}
    assert len(await opened.emitted("EnterpriseAssigned")) == sent + len(moves)
    for one in set(before) - moves:
        assert before[one]["assignment_id"] == after[one]["assignment_id"]
    assert (await opened.read(f"/plans/{old}"))["state"] == "superseded"
    assert (await opened.read(f"/plans/{old}"))["superseded_by"] == plan["plan_id"]
    assert len((await opened.read(f"/plans/{old}/assignments", limit=500))["items"]) == 60


async def test_A1_for_one_enterprise_the_end_is_announced_before_the_new_beginning(
    opened: World,
) -> None:
    await opened.share_out()
    await opened.publish(BANKS[0].outlet(city, active=False) for city in opened.enterprise_ids)
    await opened.stack.settle()
    await opened.make_binding(await opened.plan(2))
    told = await opened.emitted("EnterpriseAssigned", "EnterpriseUnassigned")
    holder: dict[str, str] = {}
    for name, data in told:
        if data["tier"] == 2 and name == "EnterpriseAssigned":
            assert data["enterprise_id"] not in holder
            holder[data["enterprise_id"]] = data["assignment_id"]
        elif data["tier"] == 2:
            assert holder.pop(data["enterprise_id"]) == data["assignment_id"]
    assert holder == {
        one["enterprise_id"]: one["assignment_id"] for one in await opened.assignments(tier=2)
    }


async def test_A1_a_draft_on_a_superseded_tier_one_is_stale(opened: World) -> None:
    await opened.make_binding(await opened.plan(1))
    draft = await opened.plan(2)
    await opened.make_binding(await opened.plan(1, seed=8))
    await opened.check(draft)
    answer = await opened.regulator.post(f"/plans/{draft}/publication")
    assert (answer.status_code, answer.json()["code"]) == (409, "plan.stale")
    assert await opened.holders() == {}


async def test_a_solving_that_was_cut_off_leaves_one_draft(
    opened: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened.make_binding(await opened.plan(1))
    tries, real = 0, part_store.add_loads

    async def cut_off(tx, plan_id, loads):
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError("the machine went away")
        await real(tx, plan_id, loads)

    monkeypatch.setattr(part_store, "add_loads", cut_off)
    view = await opened.read(f"/plans/{await opened.plan(2)}")
    assert tries == 2
    assert (view["assigned"], len(view["load"])) == (60, 18)


async def test_a_publication_that_was_cut_off_doubles_nothing(
    opened: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_id = await opened.plan(1)
    tries, real = 0, publishing._make_binding

    async def cut_off(tx, campaign, plan):
        nonlocal tries
        tries += 1
        moved = await real(tx, campaign, plan)
        if tries == 1:
            raise OSError("the machine went away")
        return moved

    monkeypatch.setattr(publishing, "_make_binding", cut_off)
    await opened.make_binding(plan_id)
    assert tries == 2
    assert len(await opened.emitted("EnterpriseAssigned")) == 40
    assert len(await opened.emitted("PlanPublished")) == 1


async def test_a_publication_job_that_runs_twice_publishes_once(opened: World) -> None:
    await opened.make_binding(await opened.plan(1))
    async with opened.stack.database("allocation").transaction() as tx:
        driver = await tx.driver()
        await driver.execute("update job set state = 'queued'")
    await opened.stack.settle()
    assert len(await opened.emitted("EnterpriseAssigned")) == 40
    assert len(await opened.emitted("PlanPublished")) == 1
    assert len(await opened.emitted("EnterpriseEnrolled")) == 60


async def test_assignment_ids_are_the_same_for_every_run_of_a_plan(opened: World) -> None:
    plan_id = await opened.plan(1)
    enterprise_id = opened.enterprise_ids[SUZHOU][0]
    await opened.make_binding(plan_id)
    (found,) = await opened.assignments(enterprise_id=str(enterprise_id))
    assert found["assignment_id"] == str(
        derived_id("assignment", opened.campaign_id, enterprise_id, 1, 1, 1, SUZHOU)
    )


async def test_a_plan_that_cannot_be_solved_says_why(opened: World) -> None:
    await opened.publish(bank.changed(active=False) for bank in BANKS)
    await opened.stack.settle()
    answer = await opened.regulator.post(
        f"/campaigns/{opened.campaign_id}/plans", json={"tier": 1, "seed": 1}
    )
    await opened.stack.settle()
    plan = await opened.read(f"/plans/{answer.json()['plan_id']}")
    assert (plan["state"], plan["failure_code"]) == ("failed", "plan.no_outlets")
    assert "网点" in plan["failure"]
    refused = await opened.regulator.post(f"/plans/{plan['plan_id']}/publication")
    assert refused.json()["code"] == "plan.not_checked"


async def test_A1_who_made_a_plan_does_not_check_it_and_unchecked_it_is_not_published(
    opened: World,
) -> None:
    maker = opened.regulator
    path = f"/campaigns/{opened.campaign_id}/plans"
    plan_id = (await maker.post(path, json={"tier": 1, "seed": 1})).json()["plan_id"]
    await opened.stack.settle()
    own = await maker.post(f"/plans/{plan_id}/check")
    assert (own.status_code, own.json()["code"]) == (409, "plan.own_work")
    early = await maker.post(f"/plans/{plan_id}/publication")
    assert early.json()["code"] == "plan.not_checked"
    assert (await opened.bureau(SUZHOU).post(f"/plans/{plan_id}/check")).status_code == 403
    checked = (await opened.second_regulator.post(f"/plans/{plan_id}/check")).json()
    assert (checked["state"], checked["checked_by"] != checked["created_by"]) == ("checked", True)
    again = await opened.second_regulator.post(f"/plans/{plan_id}/check")
    assert again.json()["code"] == "plan.not_draft"
    assert (await maker.post(f"/plans/{plan_id}/publication")).status_code == 202


async def test_A3_a_reason_stands_in_words_a_bank_manager_understands(opened: World) -> None:
    await opened.share_out()
    (plan, *_) = (await opened.read("/plans", campaign_id=opened.campaign_id))["items"]
    rows = (await opened.read(f"/plans/{plan['plan_id']}/assignments", limit=500))["items"]
    assert all(row["words"].endswith("。") for row in rows)
    assert all("公里" in row["words"] for row in rows)
    assert any("样例银行" in row["words"] for row in rows)
    near = [row for row in rows if row["reason"]["distance_rank"] == 1]
    assert near
    assert all("是最近的机构" in row["words"] for row in near)


async def test_M_1_plans_are_seen_within_the_caller_s_place(opened: World) -> None:
    await opened.make_binding(await opened.plan(1))
    plan_id = await opened.plan(2)
    bank = BANKS[0]
    others = (opened.bureau(SUZHOU), opened.bank_head(bank))
    for caller in others:
        assert (await caller.get(f"/plans/{plan_id}")).status_code == 404
        assert (await caller.get(f"/plans/{plan_id}/assignments")).status_code == 404
        assert (await caller.post(f"/plans/{plan_id}/publication")).status_code == 403
        assert (
            await caller.get(f"/plans/{plan_id}/replay", params={"city_code": SUZHOU})
        ).status_code == 403
    await opened.make_binding(plan_id)

    bureau, head = others
    rows = (await opened.read(f"/plans/{plan_id}/assignments", bureau, limit=500))["items"]
    assert {one["enterprise_id"] for one in rows} == {
        str(one) for one in opened.enterprise_ids[SUZHOU]
    }
    view = await opened.read(f"/plans/{plan_id}", bureau)
    assert {one["city_code"] for one in view["load"] + view["cities"]} == {SUZHOU}
    rows = (await opened.read(f"/plans/{plan_id}/assignments", head, limit=500))["items"]
    assert {one["institution_id"] for one in rows} == {str(bank.institution_id)}
    view = await opened.read(f"/plans/{plan_id}", head)
    assert {one["institution_id"] for one in view["load"]} == {str(bank.institution_id)}
    holders = await opened.holders()
    theirs = next(one for one in holders if holders[one] != str(bank.institution_id))
    answer = await head.get(f"/plans/{plan_id}/assignments/{theirs}")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "body",
    [{"tier": 10, "seed": 1}, {"tier": 1, "seed": 1, "form": "x"}, {"tier": 0, "seed": 1}, {"tier": 1}, {"tier": 1, "seed": -1},
     {"tier": 1, "seed": 2**63}, {"tier": "1", "seed": 1}, {"tier": 1, "seed": 1, "x": 1}],
)  # fmt: skip
async def test_a_plan_with_a_wrong_field_is_refused(world: World, body: dict[str, object]) -> None:
    await world.populate(per_city=1)
    await world.open()
    answer = await world.regulator.post(f"/campaigns/{world.campaign_id}/plans", json=body)
    assert answer.status_code == 422, answer.text


async def test_rows_of_a_plan_come_page_by_page(opened: World) -> None:
    plan_id = await opened.plan(1)
    found, cursor = [], None
    while True:
        page = await opened.read(
            f"/plans/{plan_id}/assignments", limit=25, **({"cursor": cursor} if cursor else {})
        )
        found += [one["enterprise_id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(found) == sorted(map(str, opened.everybody))
    bad = await opened.regulator.get(f"/plans/{plan_id}/assignments", params={"cursor": "WzFd"})
    assert bad.status_code == 422
