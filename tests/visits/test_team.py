"""Who may visit, and what is kept of those who tried."""

from datetime import date
from uuid import UUID, uuid4

import pytest

from services.visits.domain.model import RosterPeriod
from services.visits.domain.team import in_force, problem_of
from tests.support.stack import Stack
from tests.visits.scenario import Campaign

VISITED_ON = date(2022, 6, 14)


async def refused(campaign: Campaign, enterprise_id: UUID, staff_id: UUID) -> str:
    report = campaign.report(enterprise_id, staff_ids=[str(campaign.bank.head_id), str(staff_id)])
    answer = await campaign.manager().post("/visits", json=report)
    assert answer.status_code == 409, answer.text
    [error] = answer.json()["errors"]
    assert error["where"] == "staff_ids.1"
    assert error["code"] == answer.json()["code"]
    return error["code"]


async def test_S24_JS_12_a_person_on_no_roster_is_refused(campaign: Campaign) -> None:
    enterprise_id = await campaign.begin()
    assert await refused(campaign, enterprise_id, uuid4()) == "visit.staff_unknown"


async def test_S01_JS_12_a_person_of_another_bank_is_refused_as_one_whom_nobody_knows(
    campaign: Campaign, stack: Stack
) -> None:
    """Who works for whom is not for a rival to ask; the regulator is told which it was."""
    enterprise_id = await campaign.begin()
    for staff_id in (campaign.other_bank.manager_id, uuid4()):
        assert await refused(campaign, enterprise_id, staff_id) == "visit.staff_unknown"
    kept = await stack.rows(
        "visits", "select unnest(reasons) as why from refused_visit order by why"
    )
    assert [row["why"] for row in kept] == ["other_institution", "unknown"]
    told = await stack.rows(
        "visits", "select a::text as t from audit a where action = 'visit.refused'"
    )
    assert len(told) == 2
    assert "other_institution" not in told[0]["t"] + told[1]["t"]


async def test_JS_12_a_person_who_left_before_the_visit_day_is_refused(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = await campaign.begin()
    left = uuid4()
    await stack.publish(campaign.bank.staff(left, valid_to=date(2022, 6, 13)))
    await stack.settle()
    assert await refused(campaign, enterprise_id, left) == "visit.staff_departed"


async def test_JS_12_the_last_day_on_the_roster_still_counts(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = await campaign.begin()
    await stack.publish(campaign.bank.staff(campaign.bank.manager_id, valid_to=VISITED_ON))
    await stack.settle()
    answer = await campaign.manager().post("/visits", json=campaign.report(enterprise_id))
    assert answer.status_code == 201


async def test_JS_12_a_person_who_joins_after_the_visit_day_is_refused(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = await campaign.begin()
    new = uuid4()
    await stack.publish(campaign.bank.staff(new, valid_from=date(2022, 6, 15)))
    await stack.settle()
    assert await refused(campaign, enterprise_id, new) == "visit.staff_not_yet"


async def test_JS_12_the_attempt_is_kept_for_the_regulator_and_counted(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id, stranger = await campaign.begin(), uuid4()
    team = [str(campaign.bank.manager_id), str(stranger)]
    report = campaign.report(enterprise_id, staff_ids=team)
    manager = campaign.manager()
    for _ in range(2):
        assert (await manager.post("/visits", json=report)).status_code == 409

    [kept] = (await campaign.regulator().get("/refused-visits")).json()["items"]

    assert kept["visit_id"] == report["visit_id"]
    assert kept["institution_id"] == str(campaign.bank.institution_id)
    assert kept["refused"] == [{"staff_id": str(stranger), "problem": "unknown"}]
    assert (kept["attempts"], kept["recorded_later"], kept["region_code"]) == (2, False, "320505")
    assert await stack.rows("visits", "select from visit") == []
    assert await stack.rows("visits", "select from outbox") == []
    audit = await stack.rows("visits", "select action from audit")
    assert {row["action"] for row in audit} == {"visit.refused"}


async def test_JS_12_the_same_call_succeeds_once_the_roster_has_arrived(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id, late = await campaign.begin(), uuid4()
    report = campaign.report(enterprise_id, staff_ids=[str(campaign.bank.head_id), str(late)])
    manager, key = campaign.manager(), uuid4()
    first = await manager.post("/visits", json=report, key=key)
    await stack.publish(campaign.bank.staff(late))
    await stack.settle()
    second = await manager.post("/visits", json=report, key=key)
    assert (first.status_code, second.status_code) == (409, 201)
    [kept] = (await campaign.regulator().get("/refused-visits")).json()["items"]
    assert kept["recorded_later"] is True


async def test_JS_12_nobody_but_the_regulator_reads_the_attempts(campaign: Campaign) -> None:
    await campaign.begin()
    for caller in (campaign.manager(), campaign.bank_head(), campaign.bureau("320500")):
        assert (await caller.get("/refused-visits")).status_code == 403


A, B, PERSON, OUTLET = uuid4(), uuid4(), uuid4(), uuid4()


def period(bank: UUID, first: str, last: str | None = None) -> RosterPeriod:
    return RosterPeriod(
        PERSON,
        date.fromisoformat(first),
        date.fromisoformat(last) if last else None,
        bank,
        OUTLET,
        "relationship_manager",
    )


@pytest.mark.parametrize(
    ("periods", "problem"),
    [
        ([], "unknown"),
        ([period(A, "2022-06-14")], None),
        ([period(A, "2022-06-15")], "not_yet"),
        ([period(A, "2020-01-01", "2022-06-14")], None),
        ([period(A, "2020-01-01", "2022-06-13")], "departed"),
        ([period(A, "2020-01-01"), period(B, "2022-06-01")], "other_institution"),
        ([period(B, "2020-01-01"), period(A, "2022-06-01")], None),
        ([period(A, "2020-01-01"), period(B, "2022-06-15")], None),
        ([period(B, "2020-01-01", "2022-01-01")], "other_institution"),
        ([period(A, "2020-01-01", "2021-01-01"), period(A, "2022-06-01")], None),
        ([period(A, "2020-01-01"), period(A, "2022-06-10", "2022-06-12")], "departed"),
    ],
)
def test_V6_a_person_belongs_to_the_bank_whose_newest_period_holds_on_the_day(
    periods: list[RosterPeriod], problem: str | None
) -> None:
    assert problem_of(periods, institution_id=A, day=VISITED_ON) == problem
    assert problem_of(periods[::-1], institution_id=A, day=VISITED_ON) == problem


def test_V6_no_period_holds_where_none_has_begun() -> None:
    assert in_force([period(A, "2022-06-15")], VISITED_ON) is None
