"""Closing a campaign: what is over stays over, and what was done stays done."""

from typing import Any

import httpx2
import pytest

from shared.kernel.ids import derived_id
from tests.allocation.world import BANKS, SUZHOU, World
from tests.support.approvals import agreed, by_two

WHY = {"reason": "全年任务完成"}


async def closed(world: World) -> httpx2.Response:
    return await by_two(
        world.stack,
        world.regulator,
        f"/campaigns/{world.campaign_id}/closure",
        WHY,
        action="campaign.close",
        subject=world.campaign_id,
    )


@pytest.fixture
async def over(world: World) -> World:
    """A campaign that was shared out and is closed."""
    await world.populate(per_city=4)
    await world.open()
    await world.share_out()
    answer = await closed(world)
    assert answer.status_code == 200, answer.text
    return world


async def test_M2_a_closed_campaign_says_since_when_and_keeps_what_was_assigned(
    over: World,
) -> None:
    campaign = await over.read(f"/campaigns/{over.campaign_id}")
    assert (campaign["state"], campaign["closed_on"]) == ("closed", "2022-04-02")
    assert campaign["close_reason"] == WHY["reason"]
    await over.stack.settle()
    assert await over.emitted("CampaignClosed") == [
        ("CampaignClosed", {"campaign_id": over.campaign_id, "closed_on": "2022-04-02"})
    ]
    assert len(await over.holders()) == len(over.everybody)
    assert (await closed(over)).json()["code"] == "campaign.closed"


async def test_M2_in_a_closed_campaign_nothing_more_is_shared_out_moved_claimed_or_given_back(
    over: World,
) -> None:
    bank = BANKS[0]
    [one, *_] = await over.assignments(over.bank_head(bank), tier=2)
    path = f"/campaigns/{over.campaign_id}"
    regulator, head = over.regulator, over.bank_head(bank)
    deeds: dict[str, tuple[Any, dict[str, Any]]] = {
        f"{path}/plans": (regulator, {"tier": 2, "seed": 1}),
        f"{path}/rotations": (regulator, {"rotated_on": "2022-04-15", "seed": 1}),
        f"{path}/enrolments": (regulator, {}),
        f"/assignments/{one['assignment_id']}/returns": (
            head,
            {"reason_code": "moved_away", "note": ""},
        ),
        "/claims": (
            head,
            {"campaign_id": over.campaign_id, "enterprise_id": one["enterprise_id"]},
        ),
    }
    codes: dict[str, str] = {}
    for where, (caller, body) in deeds.items():
        codes[where] = (await caller.post(where, json=body)).json().get("code", "")
    assert set(codes.values()) == {"campaign.closed"}, codes


async def test_M2_a_draft_of_a_closed_campaign_is_not_published(world: World) -> None:
    await world.populate(per_city=2)
    await world.open()
    plan_id = await world.plan(1)
    await world.check(plan_id)
    assert (await closed(world)).status_code == 200

    answer = await world.regulator.post(f"/plans/{plan_id}/publication")

    assert (answer.status_code, answer.json()["code"]) == (409, "campaign.closed")


async def test_M2_a_return_asked_before_the_closing_can_only_be_refused_after_it(
    world: World,
) -> None:
    await world.populate(per_city=4)
    await world.open()
    await world.share_out()
    bank, before = BANKS[0], await world.holders()
    [one, *_] = await world.assignments(world.bank_head(bank), tier=2)
    asked = await world.bank_head(bank).post(
        f"/assignments/{one['assignment_id']}/returns",
        json={"reason_code": "moved_away", "note": ""},
    )
    assert asked.status_code == 201, asked.text
    assert (await closed(world)).status_code == 200
    path = f"/returns/{asked.json()['return_id']}/decision"
    granted = await world.regulator.post(path, json={"granted": True})
    assert (granted.status_code, granted.json()["code"]) == (409, "campaign.closed")
    assert await world.holders() == before
    refused = await world.regulator.post(path, json={"granted": False})
    assert (refused.status_code, refused.json()["granted"]) == (200, False)


async def test_M2_a_late_enrolment_queued_before_the_closing_takes_nobody_in(world: World) -> None:
    await world.populate(per_city=2)
    path = f"/campaigns/{await world.open()}"
    await world.publish([world.listed(derived_id("enterprise", "late"), SUZHOU)])
    await world.stack.settle()
    regulator = world.regulator
    assert regulator.account_id
    word = await agreed(
        world.stack, action="campaign.close", subject=world.campaign_id, body=WHY,
        by=regulator.account_id,
    )  # fmt: skip
    queued = await regulator.post(f"{path}/enrolments")
    assert queued.status_code == 202, queued.text
    over = await regulator.post(f"{path}/closure", json=WHY, headers={"x-approval": str(word)})
    assert over.status_code == 200, over.text
    await world.stack.settle()
    campaign = await world.read(path)
    assert (campaign["state"], campaign["enrolled"]) == ("closed", 6)
    assert len(await world.emitted("EnterpriseEnrolled")) == 6
    (job,) = await world.stack.rows(
        "allocation", "select state, result from job where kind = 'campaign.enrol'"
        " order by created_at desc limit 1",
    )  # fmt: skip
    assert (job["state"], "campaign.closed" in str(job["result"])) == ("failed", True)


async def test_M2_only_the_regulator_closes(world: World) -> None:
    await world.populate(per_city=2)
    campaign_id = await world.open()
    for caller in (world.bureau(SUZHOU), world.bank_head(BANKS[0])):
        answer = await caller.post(f"/campaigns/{campaign_id}/closure", json=WHY)
        assert answer.json()["code"] == "access.role"
