"""Voiding a visit, and who sees which visits and needs."""

import asyncio
import json
from uuid import uuid4

from tests.support.approvals import agreed
from tests.support.stack import Caller, Stack
from tests.visits.scenario import Campaign

WHY = {"reason_code": "duplicate", "reason": "与另一条重复"}
NEED = {"amount": "10.50", "purpose": "research", "term_months": 6}


async def recorded(campaign: Campaign, **changes: object) -> str:
    enterprise_id = await campaign.begin()
    report = campaign.report(enterprise_id, **changes)
    assert (await campaign.manager().post("/visits", json=report)).status_code == 201
    return report["visit_id"]


async def test_V12_a_void_keeps_the_record_and_announces_its_day(
    campaign: Campaign, stack: Stack
) -> None:
    visit_id = await recorded(campaign, need=NEED)

    answer = await campaign.void(campaign.branch_head(), visit_id)

    assert answer.status_code == 200, answer.text
    assert (answer.json()["state"], answer.json()["voided_on"]) == ("void", "2022-06-15")
    rows = await stack.rows("visits", "select payload from outbox where type = 'VisitVoided.v1'")
    [event] = [json.loads(row["payload"])["data"] for row in rows]
    assert (event["visit_id"], event["reason"], event["voided_on"]) == (
        visit_id,
        "duplicate",
        "2022-06-15",
    )
    [need] = (await campaign.manager().get("/needs")).json()["items"]
    assert need["state"] == "void"


async def test_V12_a_visit_is_voided_once(campaign: Campaign, stack: Stack) -> None:
    visit_id = await recorded(campaign)
    head = campaign.bank_head()
    assert head.account_id
    asked = {"action": "visit.void", "subject": visit_id, "body": WHY, "by": head.account_id}
    words = [str(await agreed(stack, **asked)) for _ in range(4)]
    path = f"/visits/{visit_id}/void"
    answers = await asyncio.gather(
        *(head.post(path, json=WHY, headers={"x-approval": word}) for word in words)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert "visit.already_void" in {answer.json().get("code") for answer in answers}
    rows = await stack.rows("visits", "select from outbox where type = 'VisitVoided.v1'")
    assert len(rows) == 1


async def test_V14_a_void_without_a_coded_reason_is_refused(campaign: Campaign) -> None:
    visit_id = await recorded(campaign)
    for why in ({"reason": "无代码"}, WHY | {"reason_code": "because"}, WHY | {"reason": ""}):
        answer = await campaign.bank_head().post(f"/visits/{visit_id}/void", json=why)
        assert answer.status_code == 422


async def test_V12_only_those_in_charge_void(campaign: Campaign) -> None:
    visit_id = await recorded(campaign)
    path = f"/visits/{visit_id}/void"
    assert (await campaign.manager().post(path, json=WHY)).status_code == 403
    assert (await campaign.bureau("320500").post(path, json=WHY)).status_code == 403
    stranger = campaign.bank_head(campaign.other_bank)
    assert (await stranger.post(path, json=WHY)).status_code == 404
    elsewhere = campaign.branch_head(outlet_id=uuid4())
    assert (await elsewhere.post(path, json=WHY)).status_code == 404
    assert (await campaign.void(campaign.regulator(), visit_id)).status_code == 200


async def test_a_visit_is_seen_by_those_it_concerns_and_does_not_exist_for_others(
    campaign: Campaign,
) -> None:
    visit_id = await recorded(campaign, need=NEED)

    async def sees(caller: Caller) -> bool:
        one = (await caller.get(f"/visits/{visit_id}")).status_code
        listed = (await caller.get("/visits")).json()["items"]
        assert one in (200, 404)
        assert (one == 200) == (len(listed) == 1)
        needs = (await caller.get("/needs")).json()["items"]
        assert len(needs) == len(listed)
        return one == 200

    assert await sees(campaign.manager())
    assert await sees(campaign.branch_head())
    assert await sees(campaign.bank_head())
    assert await sees(campaign.bureau("320500"))
    assert await sees(campaign.regulator())
    assert not await sees(campaign.manager(staff_id=uuid4()))
    assert not await sees(campaign.branch_head(outlet_id=uuid4()))
    assert not await sees(campaign.bank_head(campaign.other_bank))
    assert not await sees(campaign.bureau("320200"))


async def test_a_list_of_visits_carries_no_personal_data(campaign: Campaign) -> None:
    visit_id = await recorded(campaign, note="备注内容", need=NEED)
    head = campaign.bank_head()
    listed = await head.get("/visits")
    one = (await head.get(f"/visits/{visit_id}")).json()
    assert "测试甲" not in listed.text
    assert "备注内容" not in listed.text
    assert (one["interviewee"]["name"], one["note"]) == ("测试甲", "备注内容")
    assert one["need"]["amount"] == "10.50"
    assert one["place"] == {"longitude": 120.62, "latitude": 31.32, "accuracy_m": 20.0}


async def test_visits_are_filtered_and_come_in_pages_newest_first(campaign: Campaign) -> None:
    first, second = uuid4(), uuid4()
    await campaign.begin(first, second)
    manager = campaign.manager()
    for day in ("2022-06-10", "2022-06-12", "2022-06-11", "2022-06-12"):
        for enterprise_id in (first, second):
            report = campaign.report(enterprise_id, visited_on=day, started_at=None)
            assert (await manager.post("/visits", json=report)).status_code == 201
    days: list[str] = []
    ids: set[str] = set()
    cursor = None
    while True:
        params = {"enterprise_id": str(first), "limit": "3"}
        page = await manager.get("/visits", params=params | ({"cursor": cursor} if cursor else {}))
        days += [item["visited_on"] for item in page.json()["items"]]
        ids |= {item["visit_id"] for item in page.json()["items"]}
        cursor = page.json()["next_cursor"]
        if cursor is None:
            break
    assert days == ["2022-06-12", "2022-06-12", "2022-06-11", "2022-06-10"]
    assert len(ids) == 4
    by_staff = await manager.get("/visits", params={"staff_id": str(uuid4())})
    by_campaign = await manager.get("/visits", params={"campaign_id": str(campaign.campaign_id)})
    assert by_staff.json()["items"] == []
    assert len(by_campaign.json()["items"]) == 8
