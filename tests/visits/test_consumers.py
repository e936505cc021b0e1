"""What visits learns: the same in any order across topics, however batched, however often."""

import random
from datetime import date
from uuid import uuid4

import pytest

from shared.contracts.allocation import (
    CampaignAmended,
    EnterpriseAssigned,
    EnterpriseUnassigned,
)
from shared.contracts.event import Event, contract_of
from tests.support.stack import Stack
from tests.visits.scenario import Campaign

COPIES = ("roster", "enterprise_place", "campaign", "enrolment", "assignment")


async def known(stack: Stack) -> dict[str, list[str]]:
    return {
        table: [
            row[0]
            for row in await stack.rows("visits", f"select t::text from {table} t order by 1")
        ]
        for table in COPIES
    }


def shuffled(events: list[Event], seed: int) -> list[Event]:
    """The events mixed across topics and keys; the events of one key keep their order."""
    streams: dict[tuple[str, str], list[Event]] = {}
    for event in events:
        declared = contract_of(event)
        key = (declared.topic, str(getattr(event, declared.key)))
        streams.setdefault(key, []).append(event)
    draw, mixed = random.Random(seed), []
    while streams:
        key = draw.choice(sorted(streams))
        mixed.append(streams[key].pop(0))
        if not streams[key]:
            del streams[key]
    return mixed


@pytest.mark.parametrize("seed", range(4))
async def test_copies_do_not_depend_on_the_order_across_topics_and_keys(
    campaign: Campaign, stack: Stack, seed: int
) -> None:
    one, two = uuid4(), uuid4()
    history: list[Event] = [
        *campaign.bank.roster(),
        campaign.bank.staff(campaign.bank.manager_id, valid_to=date(2022, 7, 1)),
        campaign.opened(),
        *campaign.all_of(one),
        *campaign.all_of(two),
        ended(campaign, one),
        campaign.assigned(one, bank=campaign.other_bank, assigned_on=date(2022, 9, 5)),
    ]
    await stack.publish(*history)
    await stack.settle()
    expected = await known(stack)

    await stack.empty()
    for event in shuffled(history, seed):
        await stack.publish(event)
        if seed % 2:
            await stack.settle()
    await stack.settle()

    assert await known(stack) == expected
    assert len(expected["assignment"]) == 3
    assert await stack.rows("visits", "select from parked") == []


def ended(campaign: Campaign, enterprise_id: object) -> EnterpriseUnassigned:
    return EnterpriseUnassigned(
        assignment_id=campaign.assignment_id(enterprise_id, campaign.bank),
        enterprise_id=enterprise_id,
        campaign_id=campaign.campaign_id,
        tier=2,
        institution_id=campaign.bank.institution_id,
        reason="rotated",
        unassigned_on=date(2022, 9, 5),
    )


async def test_JS_06_an_assignment_to_a_bureau_gives_no_bank_a_task(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = uuid4()
    await stack.publish(
        campaign.opened(),
        EnterpriseAssigned(
            assignment_id=uuid4(),
            enterprise_id=enterprise_id,
            campaign_id=campaign.campaign_id,
            tier=1,
            bureau_code="320500",
            institution_id=None,
            region_code="320505",
            round=1,
            assigned_on=date(2022, 4, 2),
        ),
    )
    await stack.settle()
    assert await stack.rows("visits", "select from assignment") == []


async def test_JS_08_a_new_contact_replaces_the_old_one(campaign: Campaign, stack: Stack) -> None:
    enterprise_id = await campaign.begin()
    moved = campaign.contact(enterprise_id)
    new_staff = uuid4()
    await stack.publish(
        type(moved)(**{name: getattr(moved, name) for name in moved.__struct_fields__}
                    | {"staff_id": new_staff})
    )  # fmt: skip
    await stack.settle()
    assert (await campaign.manager().get("/tasks")).json()["items"] == []
    [task] = (await campaign.manager(staff_id=new_staff).get("/tasks")).json()["items"]
    assert task["enterprise_id"] == str(enterprise_id)


async def test_JS_19_after_a_rotation_the_task_is_the_new_banks(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = await campaign.begin()
    await stack.set_clock("2022-09-06T09:00:00+08:00")
    await stack.publish(
        ended(campaign, enterprise_id),
        campaign.assigned(enterprise_id, bank=campaign.other_bank, assigned_on=date(2022, 9, 5)),
    )
    await stack.settle()
    assert (await campaign.bank_head().get("/tasks")).json()["items"] == []
    [task] = (await campaign.bank_head(campaign.other_bank).get("/tasks")).json()["items"]
    assert (task["enterprise_id"], task["state"]) == (str(enterprise_id), "overdue")


async def test_M4_an_amended_campaign_moves_the_last_day_of_every_task(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = await campaign.begin()
    await stack.set_clock("2022-09-06T09:00:00+08:00")
    opened = campaign.opened()
    await stack.publish(
        CampaignAmended(
            campaign_id=campaign.campaign_id,
            number=1,
            profile=opened.profile,
            profile_version=2,
            changed=("calendar",),
            visits_from=opened.visits_from,
            visits_until=date(2022, 9, 30),
            contacts_due_on=opened.contacts_due_on,
            rotation_on=date(2022, 10, 10),
            amended_on=date(2022, 9, 1),
            list_vintage=opened.list_vintage,
            opens_on=opened.opens_on,
        )
    )
    await stack.settle()
    [task] = (await campaign.bank_head().get("/tasks")).json()["items"]
    assert (task["enterprise_id"], task["due_on"]) == (str(enterprise_id), "2022-09-30")
    assert task["state"] != "overdue"
