"""After publication: returns, claims, hand-over, suggestions, capacities, late arrivals; profiles."""

from collections import Counter
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.allocation.usecases.profiles import shipped
from shared.contracts.registry import PersonalDataErased
from shared.kernel.ids import derived_id
from tests.allocation.world import BANK_OF, BANKS, MAY, NANJING, SUZHOU, World


@pytest.fixture
async def shared_out(world: World) -> World:
    await world.populate()
    await world.open()
    await world.share_out()
    return world


async def held_by(world: World, number: int) -> list[Any]:
    return await world.assignments(
        world.bank_head(BANKS[number]), campaign_id=world.campaign_id, tier=2
    )


async def ask(world: World, one: Any, number: int, code: str = "moved_away") -> Any:
    head = world.bank_head(BANKS[number])
    return await head.post(
        f"/assignments/{one['assignment_id']}/returns",
        json={"reason_code": code, "note": "已迁往外省"},
    )


async def test_A8_a_rejected_return_stays_in_the_denominator_and_a_granted_one_finds_another_bank(
    shared_out: World,
) -> None:
    world = shared_out
    (first, second, *_) = [one for one in await held_by(world, 0) if one["region_code"] == "320505"]
    assert (await ask(world, first, 0, "because")).json()["code"] == "return.reason_unknown"
    assert (await ask(world, first, 1)).status_code == 404
    asked = await ask(world, first, 0)
    assert asked.status_code == 201, asked.text
    assert asked.json()["due_on"] == "2022-04-12"  # five working days: the 6th to 8th, 11th, 12th
    twice = await ask(world, first, 0)
    assert (twice.status_code, twice.json()["code"]) == (409, "assignment.return_already_asked")
    bureau, path = world.bureau(SUZHOU), f"/returns/{asked.json()['return_id']}/decision"
    assert (await world.bureau(NANJING).post(path, json={"granted": True})).status_code == 404
    refused = await bureau.post(path, json={"granted": False, "note": "地址未变"})
    assert (refused.status_code, refused.json()["granted"]) == (200, False)
    assert (await bureau.post(path, json={"granted": True})).json()["code"] == "return.decided"
    before = len(await held_by(world, 0))
    assert first["enterprise_id"] in {one["enterprise_id"] for one in await held_by(world, 0)}

    granted = (await ask(world, second, 0)).json()
    assert len((await world.read("/returns", bureau, campaign_id=world.campaign_id))["items"]) == 1
    await world.stack.set_clock("2022-04-20T09:00:00+08:00")
    late = await world.read("/returns", bureau, campaign_id=world.campaign_id, state="overdue")
    assert [one["return_id"] for one in late["items"]] == [granted["return_id"]]
    await bureau.post(f"/returns/{granted['return_id']}/decision", json={"granted": True})
    assert len(await held_by(world, 0)) == before - 1
    await world.stack.settle()
    ended = [data for _, data in await world.emitted("EnterpriseUnassigned")]
    assert [(one["reason"], one["enterprise_id"]) for one in ended] == [
        ("returned", second["enterprise_id"])
    ]
    assert len(await world.emitted("ReturnAsked")) == len(await world.emitted("ReturnDecided")) == 2
    await world.make_binding(await world.plan(2, seed=7))
    holders = await world.holders()
    assert holders[second["enterprise_id"]] != str(BANKS[0].institution_id)
    assert len(holders) == 60


async def test_A8_every_reason_that_is_told_is_taken(shared_out: World) -> None:
    world = shared_out
    head = world.bank_head(BANKS[0])
    told = (await world.read("/return-reasons", head))["items"]
    assert len(told) > 1
    held = await held_by(world, 0)
    for each, one in zip(told, held[: len(told)], strict=True):
        asked = await head.post(
            f"/assignments/{one['assignment_id']}/returns", json={"reason_code": each["code"]}
        )
        assert asked.status_code == 201, asked.text
        assert asked.json()["reason"] == each["title"]


async def test_S22_the_words_of_a_return_go_with_the_enterprises_persons(shared_out: World) -> None:
    world, words = shared_out, "联系人欧阳测试,电话13900001234"
    (erased, stays) = (await held_by(world, 0))[:2]
    head = world.bank_head(BANKS[0])
    for one in (erased, stays):
        asked = await head.post(
            f"/assignments/{one['assignment_id']}/returns",
            json={"reason_code": "moved_away", "note": words},
        )
        path = f"/returns/{asked.json()['return_id']}/decision"
        decided = await world.regulator.post(path, json={"granted": False, "note": words})
        assert decided.json()["decision_note"] == words
    await world.publish(
        PersonalDataErased(
            subject_id=UUID(one["enterprise_id"]), kind=kind, erased_on=date(2022, 7, 1)
        )
        for one, kind in ((erased, "enterprise"), (stays, "staff"))
    )
    await world.stack.settle()
    asked = {"campaign_id": world.campaign_id, "state": "all"}
    shown = {one["enterprise_id"]: one for one in (await world.read("/returns", **asked))["items"]}
    forgotten, kept = (shown[one["enterprise_id"]] for one in (erased, stays))
    assert (forgotten["note"], forgotten["decision_note"]) == ("", "")
    assert (forgotten["reason_code"], forgotten["granted"]) == ("moved_away", False)
    assert (kept["note"], kept["decision_note"]) == (words, words)
    answers = await world.stack.rows("allocation", "select body from idempotency")
    told = [one["body"] for one in answers if b"13900001234" in one["body"]]
    assert told
    assert not any(erased["enterprise_id"].encode() in one for one in told)


async def test_S01_JS_21_a_claim_names_no_branch_and_no_person_of_another_bank(
    shared_out: World,
) -> None:
    """As with one that does not exist: who works for whom is not for a rival to ask."""
    world = shared_out
    holders = await world.holders()
    other = next(i for i, bank in holders.items() if bank != str(BANKS[0].institution_id))
    body = {"campaign_id": world.campaign_id, "enterprise_id": other}
    head = world.bank_head(BANKS[0])
    rival, bank = BANKS[1], BANKS[0]
    tries = (("outlet_id", rival.outlet_id(SUZHOU)), ("staff_id", rival.manager_id(SUZHOU)))
    for field, foreign in tries:
        said = list[Any]()
        for value in (foreign, uuid4()):
            answer = await head.post("/claims", json=body | {field: str(value)})
            assert answer.status_code == 409, answer.text
            said.append({k: v for k, v in answer.json().items() if k != "trace_id"})
        assert said[0] == said[1]
        assert said[0]["code"] == "claim.not_yours"
        assert [error["where"] for error in said[0]["errors"]] == [field]
    own = {
        "outlet_id": str(bank.outlet_id(SUZHOU)),
        "staff_id": str(bank.manager_id(SUZHOU)),
    }
    assert (await head.post("/claims", json=body | own)).status_code == 201


async def test_JS_21_a_claim_is_counted_apart_and_takes_no_duty_away(shared_out: World) -> None:
    world = shared_out
    holders = await world.holders()
    mine, other = (
        next(one for one, bank in holders.items() if (bank == str(BANKS[0].institution_id)) is own)
        for own in (True, False)
    )
    head = world.bank_head(BANKS[0])
    body = {"campaign_id": world.campaign_id}
    own = await head.post("/claims", json=body | {"enterprise_id": mine})
    assert own.json()["code"] == "claim.own_list"
    made = await head.post("/claims", json=body | {"enterprise_id": other})
    assert made.status_code == 201, made.text
    again = await head.post("/claims", json=body | {"enterprise_id": other})
    assert again.json()["code"] == "claim.exists"
    stranger = str(derived_id("enterprise", "nobody"))
    assert (await head.post("/claims", json=body | {"enterprise_id": stranger})).status_code == 404
    assert await world.holders() == holders
    listed = await world.read("/claims", head, campaign_id=world.campaign_id)
    assert [one["enterprise_id"] for one in listed["items"]] == [other]
    rival = await world.read("/claims", world.bank_head(BANKS[1]), campaign_id=world.campaign_id)
    assert rival["items"] == []
    asked = {"campaign_id": world.campaign_id}
    load = await world.read("/load", **asked)
    assert {one["institution_id"]: one["claimed"] for one in load["items"] if one["claimed"]} == {
        str(BANKS[0].institution_id): 1
    }
    assert (load["claimed"], load["assigned"]) == (1, len(holders))
    assert (await world.read("/load", head, **asked))["claimed"] == 1
    assert (await world.read("/load", world.bank_head(BANKS[1]), **asked))["claimed"] == 0
    await world.stack.settle()
    assert len(await world.emitted("EnterpriseClaimed")) == 1


async def test_A6_JS_08_after_the_day_the_overdue_list_is_exactly_what_has_no_contact(
    shared_out: World,
) -> None:
    world, asked = shared_out, {"campaign_id": shared_out.campaign_id}
    rows = await held_by(world, 0)
    named = [one for one in rows if one["region_code"] == "320505"]
    await world.name_contacts(BANKS[0], SUZHOU, named)
    assert (await world.read("/contacts/overdue", **asked))["items"] == []  # it is 2 April
    await world.stack.set_clock(MAY)
    late = await world.read("/contacts/overdue", limit=500, **asked)
    without = await world.assignments(without_contact=True, **asked)
    assert late["contacts_due_on"] == "2022-04-30"
    assert len(late["items"]) == 60 - len(named)
    assert {one["overdue_days"] for one in late["items"]} == {2}
    assert [one["assignment_id"] for one in late["items"]] == [
        one["assignment_id"] for one in without
    ]
    mine = await world.read("/contacts/overdue", world.bank_head(BANKS[0]), limit=500, **asked)
    assert {one["assignment_id"] for one in mine["items"]} == {
        one["assignment_id"] for one in rows if one not in named
    }
    city = await world.read("/contacts/overdue", world.bureau(SUZHOU), limit=500, **asked)
    assert len(city["items"]) == 20 - len(named)
    page = await world.read("/contacts/overdue", limit=7, **asked)
    more = await world.read("/contacts/overdue", limit=7, cursor=page["next_cursor"], **asked)
    assert [one["assignment_id"] for one in page["items"] + more["items"]] == [
        one["assignment_id"] for one in late["items"][:14]
    ]


async def test_JS_07_the_city_s_s_and_t_bureau_sees_the_sharing_out_too(shared_out: World) -> None:
    world = shared_out
    office = world.stack.caller("allocation", "st_bureau", region_code=SUZHOU)
    seen = await world.assignments(office, campaign_id=world.campaign_id, tier=2)
    assert {one["enterprise_id"] for one in seen} == {
        str(one) for one in world.enterprise_ids[SUZHOU]
    }
    (plan, *_) = (await world.read("/plans", office, campaign_id=world.campaign_id))["items"]
    view = await world.read(f"/plans/{plan['plan_id']}", office)
    assert {one["city_code"] for one in view["load"]} == {SUZHOU}


async def test_A9_A6_a_hand_over_moves_all_and_keeps_the_history_and_suggestions_are_near(
    shared_out: World,
) -> None:
    world, bank = shared_out, BANKS[2]
    head = world.bank_head(bank)
    rows = await held_by(world, 2)
    asked = {"campaign_id": world.campaign_id}
    suggested = (await world.read("/contacts/suggestions", head, **asked))["items"]
    assert {one["assignment_id"] for one in suggested} == {one["assignment_id"] for one in rows}
    nearest = {one["assignment_id"]: one["nearest_outlet_id"] for one in rows}
    assert all(one["at_nearest"] for one in suggested)
    assert all(one["outlet_id"] == nearest[one["assignment_id"]] for one in suggested)
    named = await head.post(
        "/contacts:batch",
        json={
            "rows": [
                {name: one[name] for name in ("assignment_id", "outlet_id", "staff_id")}
                for one in suggested
            ]
        },
    )
    assert named.json()["named"] == len(rows)
    city = max(
        (SUZHOU, NANJING),
        key=lambda code: sum(one["staff_id"] == str(bank.manager_id(code)) for one in suggested),
    )
    other = NANJING if city == SUZHOU else SUZHOU
    old, new = str(bank.manager_id(city)), str(bank.manager_id(other))
    body = {"from_staff_id": old, "to_staff_id": new, "to_outlet_id": str(bank.outlet_id(other))}
    moved = await head.post("/contacts:handover", json=body)
    count = sum(one["staff_id"] == old for one in suggested)
    assert (moved.json()["named"], moved.json()["refused"]) == (count, 0)
    after = await held_by(world, 2)
    assert not [one for one in after if one["staff_id"] == old]
    one = next(one for one in suggested if one["staff_id"] == old)
    history = (await world.read(f"/assignments/{one['assignment_id']}"))["contacts"]
    assert [each["staff_id"] for each in history] == [old, new]
    empty = await head.post("/contacts:handover", json=body)
    assert (empty.status_code, empty.json()["code"]) == (404, "contact.nobody")


async def test_A2_A1_late_arrivals_and_a_set_capacity_move_as_few_as_possible(
    shared_out: World,
) -> None:
    world = shared_out
    before = await world.holders()
    late = [derived_id("enterprise", f"late-{number}") for number in range(3)]
    await world.publish([world.listed(one, SUZHOU) for one in late])
    await world.stack.settle()
    answer = await world.regulator.post(f"/campaigns/{world.campaign_id}/enrolments")
    assert answer.status_code == 202, answer.text
    await world.stack.settle()
    assert (await world.read(f"/campaigns/{world.campaign_id}"))["enrolled"] == 63
    await world.make_binding(await world.plan(1, seed=7))
    assert {one: bank for one, bank in (await world.holders()).items() if one in before} == before
    await world.make_binding(await world.plan(2, seed=7))
    then = await world.holders()
    assert set(map(str, late)) <= set(then)
    assert sum(then[one] != bank for one, bank in before.items()) <= 2

    bureau = world.bureau(SUZHOU)
    path = f"/campaigns/{world.campaign_id}/capacities"
    bank = Counter(then.values()).most_common(1)[0][0]
    row = {"city_code": SUZHOU, "institution_id": bank, "capacity": 1, "reason": "人员调离"}
    elsewhere = await bureau.put(path, json={"rows": [row | {"city_code": NANJING}]})
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (403, "access.not_your_city")
    assert (await bureau.put(path, json={"rows": [row]})).status_code == 200
    plan = await world.make_binding(await world.plan(2, seed=7))
    (line,) = [
        one for one in plan["load"]
        if (one["city_code"], one["institution_id"]) == (SUZHOU, bank)
    ]  # fmt: skip
    assert (line["capacity"], line["capacity_source"], line["assigned"]) == (1, "set", 1)
    assert {one["capacity_source"] for one in plan["load"]} <= {"set", "staff", "share"}
    assert BANK_OF  # all others keep what their people can take


async def test_M4_profiles_are_edited_as_versions_and_a_running_campaign_is_amended(
    world: World,
) -> None:
    import msgspec

    await world.populate(per_city=2)
    await world.open()
    listed = (await world.read("/profiles"))["items"]
    assert {one["code"] for one in listed} == set(shipped())
    document = next(one["document"] for one in listed if one["code"] == "jiangsu-2022")
    bad = msgspec.json.decode(msgspec.json.encode(document))
    bad["fairness"]["total_bp"] = -5
    faulty = await world.regulator.post("/profiles:check", json={"document": bad})
    assert faulty.json()["errors"][0]["where"] == "fairness.total_bp"
    better = document | {"version": 2, "fairness": {"total_bp": 300, "hard_bp": 1_000}}
    assert (await world.regulator.post("/profiles", json={"document": document})).json()[
        "code"
    ] == "profile.not_next_version"
    saved = await world.regulator.post("/profiles", json={"document": better})
    assert (saved.status_code, saved.json()["version"]) == (201, 2)
    assert (await world.read("/profiles/jiangsu-2022"))["version"] == 2

    path = f"/campaigns/{world.campaign_id}/amendments"
    amended = better | {
        "calendar": better["calendar"] | {"visits_until": {"month": 9, "day": 30},
                                          "rotation": {"month": 10, "day": 10}}
    }  # fmt: skip
    body = {"document": amended, "reason": "疫情影响,走访延期一个月"}
    answer = await world.regulator.post(path, json=body)
    assert (answer.status_code, answer.json()["changed"]) == (201, ["calendar", "fairness"])
    campaign = await world.read(f"/campaigns/{world.campaign_id}")
    assert (campaign["visits_until"], campaign["rotation_on"]) == ("2022-09-30", "2022-10-10")
    same = await world.regulator.post(path, json=body)
    assert same.json()["code"] == "amendment.nothing_changed"
    other = amended | {"matched": {"any_of": ["loan_granted"], "at": "any_institution"}}
    refused = await world.regulator.post(path, json=body | {"document": other})
    assert refused.json()["code"] == "amendment.not_allowed"
    assert len((await world.read(path))["items"]) == 1
    await world.stack.settle()
    ((_, event),) = await world.emitted("CampaignAmended")
    assert (event["changed"], event["visits_until"]) == (["calendar", "fairness"], "2022-09-30")
