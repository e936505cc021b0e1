"""Recording a visit: what is accepted, what is missing, what is flagged, what is refused."""

import json
from datetime import date
from typing import Any
from uuid import uuid4

import pytest

from shared.contracts.allocation import CampaignClosed, EnterpriseUnassigned
from shared.contracts.registry import EnterpriseChanged
from tests.support.stack import Stack
from tests.visits.scenario import LATITUDE_E6, LONGITUDE_E6, WUXI, Campaign

NEED = {"amount": "1200000.00", "purpose": "working_capital", "term_months": 12}


async def events(stack: Stack) -> list[dict[str, Any]]:
    rows = await stack.rows("visits", "select type, payload from outbox order by id")
    return [{"type": row["type"]} | json.loads(row["payload"])["data"] for row in rows]


async def test_JS_10_a_visit_with_photo_place_and_interviewee_is_complete(
    campaign: Campaign,
) -> None:
    enterprise_id = await campaign.begin()
    manager = campaign.manager()
    photo_id = await campaign.photo(manager)
    report = campaign.report(enterprise_id, photo_ids=[photo_id])

    answer = await manager.post("/visits", json=report)

    assert answer.status_code == 201, answer.text
    assert answer.json() == {
        "visit_id": report["visit_id"],
        "complete": True,
        "missing": [],
        "flags": [],
        "need_id": None,
    }


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"photo_ids": []}, ["photo"]),
        ({"place": None}, ["place"]),
        ({"interviewee": None}, ["interviewee"]),
        ({"interviewee": {"role": "legal_representative", "name": "  "}}, ["interviewee"]),
        (
            {"photo_ids": [], "place": None, "interviewee": None},
            ["photo", "place", "interviewee"],
        ),
    ],
)
async def test_JS_10_what_a_record_lacks_makes_it_incomplete(
    campaign: Campaign, stack: Stack, changes: dict[str, Any], missing: list[str]
) -> None:
    enterprise_id = await campaign.begin()
    manager = campaign.manager()
    photo_id = await campaign.photo(manager)
    report = campaign.report(enterprise_id, **({"photo_ids": [photo_id]} | changes))

    answer = (await manager.post("/visits", json=report)).json()

    assert (answer["complete"], answer["missing"]) == (False, missing)
    [logged] = await events(stack)
    assert (logged["complete"], logged["missing"]) == (False, missing)
    assert (await manager.get("/tasks")).json()["items"][0]["state"] == "due"


async def test_JS_20_a_need_is_recorded_with_its_visit_and_announced_in_fen(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = await campaign.begin()
    manager = campaign.manager()
    report = campaign.report(enterprise_id, need=NEED)

    answer = (await manager.post("/visits", json=report)).json()

    logged, need = await events(stack)
    assert logged["type"] == "VisitLogged.v1"
    assert need == {
        "type": "NeedRecorded.v1",
        "need_id": answer["need_id"],
        "visit_id": report["visit_id"],
        "enterprise_id": str(enterprise_id),
        "campaign_id": report["campaign_id"],
        "institution_id": str(campaign.bank.institution_id),
        "region_code": "320505",
        "amount_fen": 120_000_000,
        "purpose": "working_capital",
        "term_months": 12,
        "recorded_on": "2022-06-14",
    }
    [listed] = (await manager.get("/needs")).json()["items"]
    assert (listed["amount"], listed["state"]) == ("1200000.00", "open")


@pytest.mark.parametrize(
    ("need", "code"),
    [
        (NEED | {"amount": "0.001"}, "money.too_many_decimals"),
        (NEED | {"amount": "-1"}, "money.negative"),
        (NEED | {"amount": "0"}, "field.greater_than"),
        (NEED | {"amount": 5}, "field.value_error"),
        (NEED | {"purpose": "gambling"}, "field.literal_error"),
        (NEED | {"term_months": 0}, "field.greater_than_equal"),
        (NEED | {"term_months": 1.5}, "field.int_type"),
    ],
)
async def test_JS_20_a_need_that_makes_no_sense_is_refused(
    campaign: Campaign, stack: Stack, need: dict[str, Any], code: str
) -> None:
    enterprise_id = await campaign.begin()

    answer = await campaign.manager().post(
        "/visits", json=campaign.report(enterprise_id, need=need)
    )

    assert answer.status_code == 422
    if code != "field.value_error":
        assert [error["code"] for error in answer.json()["errors"]] == [code]
    assert await stack.rows("visits", "select from visit") == []


@pytest.mark.parametrize(
    ("now", "visited_on", "code"),
    [
        ("2022-06-15T00:30:00+08:00", "2022-06-15", None),
        ("2022-06-15T23:30:00+08:00", "2022-06-16", "visit.date_in_future"),
        ("2022-06-15T12:00:00+08:00", "2022-04-01", None),
        ("2022-06-15T12:00:00+08:00", "2022-03-31", "visit.date_before_campaign"),
        ("2022-10-15T12:00:00+08:00", "2022-10-14", None),
    ],
)
async def test_ST_05_a_visit_lies_between_the_opening_and_today_in_shanghai(
    campaign: Campaign, stack: Stack, now: str, visited_on: str, code: str | None
) -> None:
    enterprise_id = await campaign.begin()
    await stack.set_clock(now)

    answer = await campaign.manager().post(
        "/visits", json=campaign.report(enterprise_id, visited_on=visited_on, started_at=None)
    )

    if code is None:
        assert answer.status_code == 201, answer.text
    else:
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert answer.json()["errors"][0]["where"] == "visited_on"


@pytest.mark.parametrize(
    ("visited_on", "flags"),
    [
        ("2022-08-31", []),
        ("2022-09-01", ["late"]),
        ("2022-04-30", ["before_window"]),
        ("2022-04-09", ["before_window", "before_assignment"]),
    ],
)
async def test_JS_11_a_visit_outside_the_window_is_taken_and_marked(
    campaign: Campaign, stack: Stack, visited_on: str, flags: list[str]
) -> None:
    enterprise_id = await campaign.begin()
    await stack.set_clock("2022-10-15T12:00:00+08:00")

    answer = await campaign.manager().post(
        "/visits", json=campaign.report(enterprise_id, visited_on=visited_on, started_at=None)
    )

    assert answer.json()["flags"] == flags


async def test_V9_a_start_on_another_day_than_the_visit_casts_doubt_on_the_clock(
    campaign: Campaign,
) -> None:
    enterprise_id = await campaign.begin()
    report = campaign.report(enterprise_id, started_at="2022-06-13T15:59:59Z")
    assert (await campaign.manager().post("/visits", json=report)).json()["flags"] == [
        "clock_doubtful"
    ]


@pytest.mark.parametrize(
    ("members", "flags"),
    [
        (["head_id", "manager_id"], []),
        (["manager_id"], ["team_without_branch_head"]),
        (["head_id"], ["team_without_manager"]),
    ],
)
async def test_JS_09_a_team_without_head_or_manager_is_warned_of_not_refused(
    campaign: Campaign, members: list[str], flags: list[str]
) -> None:
    enterprise_id = await campaign.begin()
    team = [str(getattr(campaign.bank, member)) for member in members]

    answer = await campaign.manager().post(
        "/visits", json=campaign.report(enterprise_id, staff_ids=team)
    )

    assert (answer.status_code, answer.json()["flags"]) == (201, flags)


@pytest.mark.parametrize(
    ("place", "flags"),
    [
        ({"accuracy_m": 0}, ["place_accuracy_zero"]),
        ({"latitude": LATITUDE_E6 / 1e6 + 0.017}, []),  # 1.9 km
        ({"latitude": LATITUDE_E6 / 1e6 + 0.36}, ["place_far"]),  # 40 km
        ({"latitude": LATITUDE_E6 / 1e6 + 0.36, "accuracy_m": 50_000}, ["place_far"]),
    ],
)
async def test_V4_a_doubtful_place_is_flagged_and_not_blocked(
    campaign: Campaign, place: dict[str, float], flags: list[str]
) -> None:
    enterprise_id = await campaign.begin()
    report = campaign.report(enterprise_id)
    report["place"] |= place

    answer = await campaign.manager().post("/visits", json=report)

    assert (answer.status_code, answer.json()["flags"]) == (201, flags)
    assert "place" not in answer.json()["missing"]


async def test_V4_an_enterprise_known_only_to_its_county_has_no_distance(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = uuid4()
    await campaign.begin(enterprise_id)
    await stack.publish(campaign.listed(enterprise_id, precision="county"))
    await stack.settle()
    report = campaign.report(enterprise_id)
    report["place"]["latitude"] += 0.36
    assert (await campaign.manager().post("/visits", json=report)).json()["flags"] == []


async def test_JS_14_the_record_says_what_the_enterprise_was_told(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = await campaign.begin()
    report = campaign.report(enterprise_id, told_qr=False)

    answer = await campaign.manager().post("/visits", json=report)

    assert answer.json()["flags"] == ["not_told"]
    [row] = await stack.rows("visits", "select told_campaign, told_qr from visit")
    assert tuple(row) == (True, False)


async def test_ST_07_a_visit_carries_the_county_of_its_day(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = await campaign.begin()
    await stack.publish(
        EnterpriseChanged(
            enterprise_id=enterprise_id,
            region_code=WUXI,
            longitude_e6=LONGITUDE_E6,
            latitude_e6=LATITUDE_E6,
            precision="point",
            industry_code=None,
            valid_from=date(2022, 6, 10),
        )
    )
    await stack.settle()
    manager = campaign.manager()
    for day in ("2022-06-09", "2022-06-10"):
        report = campaign.report(enterprise_id, visited_on=day, started_at=None)
        assert (await manager.post("/visits", json=report)).status_code == 201
    rows = await stack.rows("visits", "select region_code from visit order by visited_on")
    assert [row[0] for row in rows] == ["320505", WUXI]


async def test_no_event_and_no_audit_line_carries_personal_data(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = await campaign.begin()
    manager = campaign.manager()
    report = campaign.report(
        enterprise_id,
        interviewee={"role": "actual_controller", "name": "秘密姓名"},
        note="秘密备注",
        need=NEED,
    )
    await manager.post("/visits", json=report)
    refused = report | {"visit_id": str(uuid4()), "staff_ids": [str(uuid4())]}
    await manager.post("/visits", json=refused)
    why = {"reason_code": "other", "reason": "秘密原因"}
    await campaign.void(campaign.bank_head(), report["visit_id"], why)

    written = await stack.rows(
        "visits",
        "select convert_from(payload, 'UTF8') from outbox"
        " union all select coalesce(before::text, '') || coalesce(after::text, '') from audit"
        " union all select r::text from refused_visit r",
    )

    assert len(written) >= 6
    assert "秘密" not in "".join(row[0] for row in written)
    [row] = await stack.rows("visits", "select v::text, void_reason from visit v")
    assert "秘密姓名" not in row[0]
    assert "秘密备注" not in row[0]
    assert "秘密姓名".encode().hex() not in row[0]
    assert row["void_reason"] == "秘密原因"


async def test_an_enterprise_of_another_bank_does_not_exist_for_the_caller(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = await campaign.begin()
    stranger = campaign.manager(campaign.other_bank)
    answer = await stranger.post("/visits", json=campaign.report(enterprise_id))
    unknown = await stranger.post("/visits", json=campaign.report(uuid4()))
    assert (answer.status_code, answer.json()["code"]) == (404, "visit.enterprise_unknown")
    assert unknown.json()["title"] == answer.json()["title"]
    assert await stack.rows("visits", "select from visit") == []


async def test_JS_19_after_a_rotation_only_visits_of_the_days_before_it_are_taken(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = await campaign.begin()
    await stack.set_clock("2022-09-10T12:00:00+08:00")
    await stack.publish(
        EnterpriseUnassigned(
            assignment_id=campaign.assignment_id(enterprise_id, campaign.bank),
            enterprise_id=enterprise_id,
            campaign_id=campaign.campaign_id,
            tier=2,
            institution_id=campaign.bank.institution_id,
            reason="rotated",
            unassigned_on=date(2022, 9, 5),
        )
    )
    await stack.settle()
    manager = campaign.manager()
    codes: list[int] = []
    for day in ("2022-09-04", "2022-09-05"):
        report = campaign.report(enterprise_id, visited_on=day, started_at=None)
        codes.append((await manager.post("/visits", json=report)).status_code)
    assert codes == [201, 404]
    assert (await manager.get("/tasks")).json()["items"] == []


async def test_a_campaign_not_yet_arrived_is_a_reason_to_try_again_not_to_fail(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = uuid4()
    await stack.publish(*campaign.bank.roster(), campaign.assigned(enterprise_id))
    await stack.settle()
    report = campaign.report(enterprise_id)
    manager, key = campaign.manager(), uuid4()
    first = await manager.post("/visits", json=report, key=key)
    await stack.set_clock("2022-06-15T12:00:00+08:00")
    await stack.publish(campaign.opened())
    await stack.settle()
    second = await manager.post("/visits", json=report, key=key)
    assert (first.status_code, first.json()["code"]) == (503, "visit.not_ready")
    assert second.status_code == 201


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"visited_on": "14.06.2022"}, "visited_on"),
        ({"visited_on": 19000}, "visited_on"),
        ({"staff_ids": []}, "staff_ids"),
        ({"note": "a\u0000b"}, "note"),
        ({"note": "字" * 2001}, "note"),
        ({"started_at": "2022-06-14T10:00:00"}, "started_at"),
        ({"started_at": "0001-01-01T00:00:00+14:00"}, "started_at"),
        ({"started_at": "9999-12-31T23:59:59-10:00"}, "started_at"),
        ({"institution_id": str(uuid4())}, "institution_id"),
        ({"visit_id": "1"}, "visit_id"),
        ({"told_qr": None}, "told_qr"),
    ],
)
async def test_a_report_that_is_not_one_is_refused_with_the_place_of_the_error(
    campaign: Campaign, stack: Stack, changes: dict[str, Any], where: str
) -> None:
    enterprise_id = await campaign.begin()
    report = campaign.report(enterprise_id) | changes

    answer = await campaign.manager().post("/visits", json=report)

    assert answer.status_code == 422
    assert [error["where"] for error in answer.json()["errors"]] == [where]
    assert await stack.rows("visits", "select from visit") == []


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", "181"])
async def test_a_place_off_the_earth_is_refused(campaign: Campaign, value: str) -> None:
    enterprise_id = await campaign.begin()
    report = campaign.report(enterprise_id)
    report["place"]["longitude"] = "VALUE"
    content = json.dumps(report).replace('"VALUE"', value)
    answer = await campaign.manager().post(
        "/visits", content=content, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422, answer.text


async def test_a_report_without_an_idempotency_key_is_refused(campaign: Campaign) -> None:
    enterprise_id = await campaign.begin()
    answer = await campaign.manager().post("/visits", json=campaign.report(enterprise_id), key="x")
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency.key_missing")


@pytest.mark.parametrize("role", ["bureau", "province_regulator", "bank_core"])
async def test_JS_12_only_a_banks_own_people_record_visits(
    campaign: Campaign, stack: Stack, role: Any
) -> None:
    enterprise_id = await campaign.begin()
    caller = stack.caller(
        "visits", role, institution_id=campaign.bank.institution_id, region_code="320500"
    )
    answer = await caller.post("/visits", json=campaign.report(enterprise_id))
    assert (answer.status_code, answer.json()["code"]) == (403, "access.role")


async def test_a_text_that_is_no_unicode_is_refused(campaign: Campaign) -> None:
    enterprise_id = await campaign.begin()
    content = json.dumps(campaign.report(enterprise_id, note="NOTE")).replace("NOTE", "\\ud800")
    answer = await campaign.manager().post(
        "/visits", content=content, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422, answer.text


async def test_M2_after_a_campaign_has_ended_a_visit_made_before_may_still_be_entered(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = await campaign.begin()
    await stack.publish(
        CampaignClosed(campaign_id=campaign.campaign_id, closed_on=date(2022, 6, 14))
    )
    await stack.settle()
    late = campaign.report(enterprise_id, visited_on="2022-06-15", started_at=None)
    in_time = campaign.report(enterprise_id, visited_on="2022-06-14", started_at=None)

    answers = [await campaign.manager().post("/visits", json=one) for one in (late, in_time)]

    assert [answer.status_code for answer in answers] == [422, 201]
    assert answers[0].json()["code"] == "visit.date_after_campaign"
    assert "2022-06-14" in answers[0].json()["errors"][0]["message"]
