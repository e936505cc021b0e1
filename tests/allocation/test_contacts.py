"""Who answers for an enterprise: named by the bank, row by row, from its own people."""

from datetime import date
from typing import Any

import pytest

from shared.kernel.ids import derived_id
from tests.allocation.world import BANKS, MAY, NANJING, SUZHOU, WUXI, World

BANK, OTHER = BANKS[1], BANKS[2]


@pytest.fixture
async def shared_out(world: World) -> World:
    """Both tiers are published, nobody is named yet."""
    await world.populate(per_city=12)
    await world.open()
    await world.share_out()
    return world


async def rows_of(world: World, bank: Any = BANK) -> list[Any]:
    return await world.assignments(institution_id=str(bank.institution_id), tier=2)


def one_row(assignment: Any, bank: Any = BANK, **changes: Any) -> dict[str, Any]:
    return {
        "assignment_id": assignment["assignment_id"],
        "outlet_id": str(bank.outlet_id(SUZHOU)),
        "staff_id": str(bank.manager_id(SUZHOU)),
    } | changes


async def test_JS_08_a_bank_names_branch_and_person_for_each_enterprise(shared_out: World) -> None:
    mine = await rows_of(shared_out)
    answer = await shared_out.name_contacts(BANK, SUZHOU, mine)
    body = answer.json()
    assert (body["named"], body["refused"]) == (len(mine), 0)
    assert [one["row"] for one in body["rows"]] == list(range(len(mine)))
    await shared_out.stack.settle()
    events = [data for _, data in await shared_out.emitted("ContactNamed")]
    assert {one["assignment_id"] for one in events} == {one["assignment_id"] for one in mine}
    assert {(one["outlet_id"], one["staff_id"], one["named_on"]) for one in events} == {
        (str(BANK.outlet_id(SUZHOU)), str(BANK.manager_id(SUZHOU)), "2022-04-02")
    }
    found = await rows_of(shared_out)
    assert {(one["state"], one["contact_named_on"]) for one in found} == {
        ("contact_named", "2022-04-02")
    }


async def test_JS_08_naming_the_same_again_changes_nothing(shared_out: World) -> None:
    mine = await rows_of(shared_out)
    await shared_out.name_contacts(BANK, SUZHOU, mine)
    answer = await shared_out.name_contacts(BANK, SUZHOU, mine)
    assert answer.json()["unchanged"] == len(mine)
    await shared_out.stack.settle()
    assert len(await shared_out.emitted("ContactNamed")) == len(mine)


async def test_A9_naming_another_hands_over_and_keeps_who_it_was(shared_out: World) -> None:
    mine = (await rows_of(shared_out))[:1]
    await shared_out.name_contacts(BANK, SUZHOU, mine)
    await shared_out.stack.set_clock(MAY)
    await shared_out.name_contacts(BANK, WUXI, mine)
    detail = await shared_out.read(f"/assignments/{mine[0]['assignment_id']}")
    assert [(one["staff_id"], one["named_on"]) for one in detail["contacts"]] == [
        (str(BANK.manager_id(SUZHOU)), "2022-04-02"),
        (str(BANK.manager_id(WUXI)), "2022-05-02"),
    ]
    assert detail["staff_id"] == str(BANK.manager_id(WUXI))
    await shared_out.stack.settle()
    assert len(await shared_out.emitted("ContactNamed")) == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"staff_id": OTHER.manager_id(SUZHOU)}, "contact.not_on_roster"),
        ({"staff_id": derived_id("staff", "third-party")}, "contact.not_on_roster"),
        ({"outlet_id": OTHER.outlet_id(SUZHOU)}, "contact.outlet_not_yours"),
        ({"outlet_id": derived_id("outlet", "nowhere")}, "contact.outlet_not_yours"),
        ({"assignment_id": derived_id("assignment", "none")}, "assignment.unknown"),
    ],
)
async def test_JS_08_JS_12_only_the_bank_s_own_people_and_outlets_are_taken(
    shared_out: World, change: dict[str, Any], code: str
) -> None:
    first, second, *_ = await rows_of(shared_out)
    wrong = one_row(first, **{name: str(value) for name, value in change.items()})
    answer = await shared_out.bank_head(BANK).post(
        "/contacts:batch", json={"rows": [wrong, one_row(second)]}
    )
    assert answer.status_code == 200
    refused, named = answer.json()["rows"]
    assert (refused["status"], named["status"]) == ("refused", "named")
    assert code in [one["code"] for one in refused["errors"]]
    assert all(one["message"] for one in refused["errors"])
    await shared_out.stack.settle()
    assert len(await shared_out.emitted("ContactNamed")) == 1


async def test_JS_12_who_left_the_roster_or_is_not_there_yet_cannot_be_named(
    shared_out: World,
) -> None:
    mine = await rows_of(shared_out)
    left, coming = derived_id("staff", "left"), derived_id("staff", "coming")
    await shared_out.publish(
        [
            BANK.manager(SUZHOU, staff_id=left, valid_to=date(2022, 4, 1)),
            BANK.manager(SUZHOU, staff_id=coming, valid_from=date(2022, 4, 3)),
            BANK.manager(WUXI, valid_to=date(2022, 4, 2)),
        ]
    )
    await shared_out.stack.settle()
    head = shared_out.bank_head(BANK)
    for staff_id in (left, coming):
        row = one_row(mine[0], staff_id=str(staff_id))
        answer = await head.post("/contacts:batch", json={"rows": [row]})
        assert answer.json()["rows"][0]["errors"][0]["code"] == "contact.not_on_roster"
    row = one_row(mine[0], staff_id=str(BANK.manager_id(WUXI)))
    answer = await head.post("/contacts:batch", json={"rows": [row]})
    assert answer.json()["named"] == 1  # the last day counts


async def test_JS_12_who_changed_to_another_bank_is_that_bank_s(shared_out: World) -> None:
    mine, theirs = await rows_of(shared_out), await rows_of(shared_out, OTHER)
    await shared_out.publish(
        [OTHER.manager(SUZHOU, staff_id=BANK.manager_id(SUZHOU), valid_from=date(2022, 4, 1))]
    )
    await shared_out.stack.settle()
    answer = await shared_out.name_contacts(BANK, SUZHOU, mine[:1])
    assert answer.json()["rows"][0]["errors"][0]["code"] == "contact.not_on_roster"
    row = one_row(theirs[0], OTHER, staff_id=str(BANK.manager_id(SUZHOU)))
    answer = await shared_out.bank_head(OTHER).post("/contacts:batch", json={"rows": [row]})
    assert answer.json()["named"] == 1


async def test_M_1_a_bank_cannot_name_contacts_for_another_s_enterprises(
    shared_out: World,
) -> None:
    theirs = await rows_of(shared_out, OTHER)
    answer = await shared_out.name_contacts(BANK, SUZHOU, theirs)
    assert {one["errors"][0]["code"] for one in answer.json()["rows"]} == {"assignment.unknown"}
    for caller in (
        shared_out.regulator,
        shared_out.bureau(SUZHOU),
        shared_out.manager(BANK, SUZHOU),
    ):
        answer = await shared_out.name_contacts(BANK, SUZHOU, theirs[:1], caller)
        assert answer.status_code == 403


async def test_JS_08_a_branch_head_names_for_the_own_branch_only(shared_out: World) -> None:
    mine = await rows_of(shared_out)
    head = shared_out.branch_head(BANK, SUZHOU)
    answer = await shared_out.name_contacts(BANK, WUXI, mine[:1], head)
    assert answer.json()["rows"][0]["errors"][0]["code"] == "contact.outlet_not_own"
    answer = await shared_out.name_contacts(BANK, SUZHOU, mine[:1], head)
    assert answer.json()["named"] == 1
    await shared_out.name_contacts(BANK, WUXI, mine[1:2])
    answer = await shared_out.name_contacts(BANK, SUZHOU, mine[1:2], head)
    assert answer.json()["rows"][0]["errors"][0]["code"] == "assignment.unknown"


async def test_JS_08_JL_31_A6_who_is_missing_is_listed_by_institution_until_there_are_none(
    shared_out: World,
) -> None:
    mine = await rows_of(shared_out)
    params = {"campaign_id": shared_out.campaign_id}
    early = await shared_out.read("/contacts/missing", **params)
    assert (early["overdue"], early["missing"], early["contacts_due_on"]) == (
        False,
        36,
        "2022-04-30",
    )
    await shared_out.name_contacts(BANK, SUZHOU, mine)
    await shared_out.stack.set_clock(MAY)
    late = await shared_out.read("/contacts/missing", **params)
    assert (late["overdue"], late["missing"]) == (True, 36 - len(mine))
    assert str(BANK.institution_id) not in {one["institution_id"] for one in late["items"]}
    without = await shared_out.assignments(without_contact=True)
    assert len(without) == late["missing"]  # A6: the list equals the rows without contact
    for bank in BANKS:
        await shared_out.name_contacts(bank, SUZHOU, await rows_of(shared_out, bank))
    done = await shared_out.read("/contacts/missing", **params)
    assert (done["overdue"], done["missing"], done["items"]) == (False, 0, [])
    load = await shared_out.read("/load", **params)
    assert (load["assigned"], load["contacted"], len(load["items"])) == (36, 36, 6)


async def test_M_1_each_sees_the_assignments_of_the_own_place(shared_out: World) -> None:
    mine = await rows_of(shared_out)
    assert await shared_out.assignments(shared_out.bank_head(BANK)) == mine
    found = await shared_out.assignments(shared_out.bureau(SUZHOU))
    assert {one["region_code"] for one in found} == {"320505"}
    assert {one["tier"] for one in found} == {1, 2}
    manager = shared_out.manager(BANK, SUZHOU)
    assert await shared_out.assignments(manager) == []
    await shared_out.name_contacts(BANK, SUZHOU, mine[:2])
    await shared_out.name_contacts(BANK, WUXI, mine[2:3])
    named = {one["assignment_id"] for one in await shared_out.assignments(manager)}
    assert named == {one["assignment_id"] for one in mine[:2]}
    branch = await shared_out.assignments(shared_out.branch_head(BANK, SUZHOU))
    assert {one["assignment_id"] for one in branch} == {
        one["assignment_id"] for one in mine if one != mine[2]
    }
    other = await shared_out.bank_head(OTHER).get(f"/assignments/{mine[0]['assignment_id']}")
    assert (other.status_code, other.json()["code"]) == (404, "assignment.unknown")
    foreign = await shared_out.assignments(
        shared_out.bank_head(OTHER), institution_id=str(BANK.institution_id)
    )
    assert foreign == []
    load = await shared_out.read(
        "/load", shared_out.bank_head(BANK), campaign_id=shared_out.campaign_id
    )
    assert [one["institution_id"] for one in load["items"]] == [str(BANK.institution_id)]


async def test_assignments_are_found_by_every_filter_and_page(shared_out: World) -> None:
    mine = await rows_of(shared_out)
    await shared_out.name_contacts(BANK, SUZHOU, mine[:1])
    (found,) = await shared_out.assignments(staff_id=str(BANK.manager_id(SUZHOU)))
    assert found["assignment_id"] == mine[0]["assignment_id"]
    assert await shared_out.assignments(outlet_id=str(BANK.outlet_id(SUZHOU))) == [found]
    assert len(await shared_out.assignments(tier=2, region=NANJING)) == 12
    assert len(await shared_out.assignments(tier=2, region="320505")) == 12
    assert len(await shared_out.assignments(tier=2, region="320000")) == 36
    assert await shared_out.assignments(state="ended") == []
    first = await shared_out.read("/assignments", tier=2, limit=20)
    rest = await shared_out.read("/assignments", tier=2, limit=20, cursor=first["next_cursor"])
    assert rest["next_cursor"] is None
    assert len({one["assignment_id"] for one in first["items"] + rest["items"]}) == 36


async def test_a_repeated_call_gets_the_same_answer_and_a_repeated_row_counts_once(
    shared_out: World,
) -> None:
    mine = await rows_of(shared_out)
    head = shared_out.bank_head(BANK)
    body = {"rows": [one_row(mine[0]), one_row(mine[0])]}
    first = await head.post("/contacts:batch", key="one-batch-key", json=body)
    again = await head.post("/contacts:batch", key="one-batch-key", json=body)
    assert first.json() == again.json()
    assert [one["status"] for one in first.json()["rows"]] == ["named", "refused"]
    await shared_out.stack.settle()
    assert len(await shared_out.emitted("ContactNamed")) == 1


async def test_a_batch_has_between_one_and_a_thousand_rows(world: World) -> None:
    await world.populate(per_city=1)
    head = world.bank_head(BANK)
    row = one_row({"assignment_id": str(derived_id("assignment", "x"))})
    for rows in ([], [row] * 1_001):
        answer = await head.post("/contacts:batch", json={"rows": rows})
        assert answer.status_code == 422
    many = await head.post("/contacts:batch", json={"rows": [row] * 1_000})
    assert many.json()["refused"] == 1_000
