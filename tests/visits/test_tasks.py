"""Tasks: whose enterprises, due until when, visited or not."""

from datetime import date
from uuid import UUID, uuid4

import pytest

from shared.contracts.registry import EnterprisesMerged, EnterprisesUnmerged
from tests.support.stack import Caller, Stack
from tests.visits.scenario import Campaign


async def the_task(caller: Caller) -> dict[str, object]:
    [task] = (await caller.get("/tasks")).json()["items"]
    return task


async def a_complete_visit(campaign: Campaign, enterprise_id: UUID, **changes: object) -> str:
    manager = campaign.manager()
    photo_id = await campaign.photo(manager)
    report = campaign.report(enterprise_id, photo_ids=[photo_id], **changes)
    answer = await manager.post("/visits", json=report)
    assert answer.json()["complete"], answer.text
    return report["visit_id"]


async def test_JS_08_the_contact_finds_the_enterprise_among_the_tasks(
    campaign: Campaign,
) -> None:
    enterprise_id = await campaign.begin()
    assert await the_task(campaign.manager()) == {
        "enterprise_id": str(enterprise_id),
        "assignment_id": str(campaign.assignment_id(enterprise_id, campaign.bank)),
        "campaign_id": str(campaign.campaign_id),
        "institution_id": str(campaign.bank.institution_id),
        "outlet_id": str(campaign.bank.outlet_id),
        "staff_id": str(campaign.bank.manager_id),
        "name": None,
        "region_code": "320505",
        "due_on": "2022-08-31",
        "state": "due",
        "last_visit_on": None,
        "visit_complete": None,
    }


@pytest.mark.parametrize(
    ("now", "state"),
    [
        ("2022-08-31T23:59:59+08:00", "due"),
        ("2022-09-01T00:00:00+08:00", "overdue"),
    ],
)
async def test_JS_11_a_task_is_overdue_from_the_day_after_the_last(
    campaign: Campaign, stack: Stack, now: str, state: str
) -> None:
    await campaign.begin()
    await stack.set_clock(now)
    assert (await the_task(campaign.manager()))["state"] == state


async def test_JS_11_a_complete_visit_makes_a_task_visited_and_its_void_due_again(
    campaign: Campaign,
) -> None:
    enterprise_id = await campaign.begin()
    visit_id = await a_complete_visit(campaign, enterprise_id)
    visited = await the_task(campaign.manager())
    assert (visited["state"], visited["last_visit_on"], visited["visit_complete"]) == (
        "visited",
        "2022-06-14",
        True,
    )

    await campaign.void(campaign.bank_head(), visit_id)

    due = await the_task(campaign.manager())
    assert (due["state"], due["last_visit_on"], due["visit_complete"]) == ("due", None, None)


async def test_JS_11_with_two_complete_visits_the_void_of_one_leaves_the_task_visited(
    campaign: Campaign,
) -> None:
    enterprise_id = await campaign.begin()
    first = await a_complete_visit(campaign, enterprise_id)
    await a_complete_visit(campaign, enterprise_id, visited_on="2022-06-10", started_at=None)
    await campaign.void(campaign.bank_head(), first)
    task = await the_task(campaign.manager())
    assert (task["state"], task["last_visit_on"]) == ("visited", "2022-06-10")


async def test_JS_10_an_incomplete_visit_leaves_the_task_due(campaign: Campaign) -> None:
    enterprise_id = await campaign.begin()
    await campaign.manager().post("/visits", json=campaign.report(enterprise_id))
    task = await the_task(campaign.manager())
    assert (task["state"], task["last_visit_on"], task["visit_complete"]) == (
        "due",
        "2022-06-14",
        False,
    )


async def test_tasks_are_shown_to_those_in_charge_of_them_only(
    campaign: Campaign, stack: Stack
) -> None:
    with_contact, without = uuid4(), uuid4()
    await campaign.begin(with_contact)
    await stack.publish(campaign.listed(without), campaign.assigned(without))
    await stack.settle()

    async def seen(caller: Caller) -> set[str]:
        answer = await caller.get("/tasks")
        assert answer.status_code == 200
        return {item["enterprise_id"] for item in answer.json()["items"]}

    both = {str(with_contact), str(without)}
    assert await seen(campaign.manager()) == {str(with_contact)}
    assert await seen(campaign.manager(staff_id=uuid4())) == set()
    assert await seen(campaign.manager(staff_id=None)) == set()
    assert await seen(campaign.branch_head()) == {str(with_contact)}
    assert await seen(campaign.branch_head(outlet_id=uuid4())) == set()
    assert await seen(campaign.bank_head()) == both
    assert await seen(campaign.bank_head(campaign.other_bank)) == set()
    assert await seen(campaign.bureau("320500")) == both
    assert await seen(campaign.bureau("320200")) == set()
    assert await seen(campaign.regulator()) == both


async def test_tasks_come_in_pages_that_join_without_gap_or_repeat(campaign: Campaign) -> None:
    ids = [uuid4() for _ in range(7)]
    await campaign.begin(*ids)
    manager, cursor, seen = campaign.manager(), None, []
    while True:
        params = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = (await manager.get("/tasks", params=params)).json()
        seen += [item["enterprise_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(str(enterprise_id) for enterprise_id in ids)


@pytest.mark.parametrize("path", ["/tasks", "/visits", "/needs", "/refused-visits"])
@pytest.mark.parametrize("cursor", ["!", "WzFd", "WyJhIl0", "WyJhIiwiYiJd", "WzEsMl0"])
async def test_a_page_mark_that_was_never_given_is_refused(
    campaign: Campaign, path: str, cursor: str
) -> None:
    answer = await campaign.regulator().get(path, params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "page.cursor")


async def test_R3_a_bank_that_has_both_of_two_that_are_one_visits_once(
    campaign: Campaign, stack: Stack
) -> None:
    survivor, merged, merger = await campaign.begin(), uuid4(), uuid4()
    await stack.publish(
        campaign.listed(merged),
        campaign.enrolled(merged),
        campaign.assigned(merged),
        campaign.contact(merged),
    )
    await stack.settle()
    visit_id = await a_complete_visit(campaign, merged)

    async def due() -> dict[str, str]:
        items = (await campaign.manager().get("/tasks")).json()["items"]
        return {item["enterprise_id"]: item["state"] for item in items}

    async def visits_of(enterprise_id: UUID) -> list[str]:
        answer = await campaign.manager().get("/visits", params={"enterprise_id": enterprise_id})
        return [item["visit_id"] for item in answer.json()["items"]]

    before = {str(survivor): "due", str(merged): "visited"}
    assert await due() == before
    one = {"merger_id": merger, "survivor_id": survivor, "merged_id": merged}
    for each in (survivor, merged):
        await stack.publish(
            EnterprisesMerged(enterprise_id=each, merged_on=date(2022, 6, 1), **one)
        )
    await stack.settle()
    assert await due() == {str(survivor): "visited"}
    assert await visits_of(survivor) == [visit_id]
    for each in (survivor, merged):
        await stack.publish(
            EnterprisesUnmerged(enterprise_id=each, unmerged_on=date(2022, 6, 10), **one)
        )
    await stack.settle()
    assert await due() == before
    assert await visits_of(survivor) == []
