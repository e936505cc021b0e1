"""Lists from year to year: closed once pinned, compared, times on the list, loans by whose word."""

import csv
import io
import itertools
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.registry.domain.memberships import last_day, memberships
from shared.contracts.allocation import CampaignOpened
from shared.contracts.credit import LoanDrawn, RepaymentBooked
from tests.registry.sheets import (
    HEADER,
    TODAY,
    VINTAGE,
    firm,
    imported,
    lines_of,
    rows_of,
    uscc,
    xlsx,
)
from tests.registry.test_enterprises import BANK_A, assigned, enterprise
from tests.support.stack import Caller, Stack

NEXT = "2022-12-31"


@pytest.fixture
async def regulator(stack: Stack) -> Caller:
    """Two lists: one enterprise leaves, one comes, one moves and changes, one stays."""
    await stack.set_clock("2023-04-08T09:00:00+08:00")
    caller = stack.caller("registry", "province_regulator")
    await imported(stack, caller, xlsx(lines_of([firm(1), firm(2), firm(3)])))
    changed = firm(2, 经营地址="昆山市样例路2号", 职工人数="35")
    await imported(stack, caller, xlsx(lines_of([firm(1), changed, firm(4)])), list_vintage=NEXT)
    return caller


async def test_TS_07_a_list_is_compared_with_the_one_before(
    stack: Stack, regulator: Caller
) -> None:
    lists = (await regulator.get("/list-vintages")).json()["items"]
    assert [(each["list_vintage"], each["enterprises"]) for each in lists] == [
        (NEXT, 3), (VINTAGE, 3),
    ]  # fmt: skip
    compared = (await regulator.get(f"/list-vintages/{NEXT}/comparison")).json()
    assert compared == {
        "newer": NEXT, "older": VINTAGE,
        "counts": {"new": 1, "dropped": 1, "changed": 1, "kept": 1},
    }  # fmt: skip
    items = (await regulator.get(f"/list-vintages/{NEXT}/differences")).json()["items"]
    by_code = {each["uscc"]: each for each in items}
    assert by_code[uscc(3)]["change"] == "dropped"
    assert by_code[uscc(4)]["change"] == "new"
    fields = {each["field"]: (each["before"], each["after"]) for each in by_code[uscc(2)]["fields"]}
    assert fields == {"region_code": ("320505", "320583"), "employees": (20, 35)}
    only = await regulator.get(f"/list-vintages/{NEXT}/differences", params={"change": "kept"})
    assert [each["uscc"] for each in only.json()["items"]] == [uscc(1)]
    body = {"format": "csv", "purpose": "年度比较"}
    answer = await regulator.post(f"/list-vintages/{NEXT}/differences/exports", json=body)
    await stack.settle()
    file = await regulator.get(f"/exports/{answer.json()['export_id']}/file")
    lines = list(csv.reader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert sorted(line[2] for line in lines[1:]) == ["changed", "dropped", "new"]


async def test_TS_07_lists_that_are_not_there(regulator: Caller) -> None:
    unknown = await regulator.get("/list-vintages/2019-12-31/comparison")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "list.unknown")
    first = await regulator.get(f"/list-vintages/{VINTAGE}/comparison")
    assert first.json()["code"] == "list.no_older"


async def test_M1_a_bureau_compares_its_citys_part(stack: Stack, regulator: Caller) -> None:
    path = f"/list-vintages/{NEXT}/comparison"
    own = stack.caller("registry", "bureau", region_code="320500")
    assert sum((await own.get(path)).json()["counts"].values()) > 0
    # A list without anyone of its city is there all the same (campaigns name it), with nobody on it.
    other = stack.caller("registry", "bureau", region_code="320100")
    empty = await other.get(path)
    assert empty.json()["counts"] == {"new": 0, "dropped": 0, "changed": 0, "kept": 0}
    lists = (await other.get("/list-vintages")).json()["items"]
    assert [(one["list_vintage"], one["enterprises"]) for one in lists] == [(NEXT, 0), (VINTAGE, 0)]
    assert (await other.get(f"{path.replace(NEXT, '2019-12-31')}")).status_code == 404


async def test_R4_a_list_that_a_campaign_stands_on_is_shown_as_pinned(
    stack: Stack, regulator: Caller
) -> None:
    day = date(2022, 4, 8)
    await stack.publish(
        CampaignOpened(
            campaign_id=uuid4(), profile="jiangsu-2022", list_vintage=VINTAGE, opens_on=day,
            visits_from=day, visits_until=day, contacts_due_on=day, rotation_on=day,
        )
    )  # fmt: skip
    await stack.settle()
    lists = (await regulator.get("/list-vintages")).json()["items"]
    assert {each["list_vintage"]: each["pinned"] for each in lists} == {VINTAGE: True, NEXT: False}
    # The same file again changes nothing; nobody new is put on it.
    again = await imported(stack, regulator, xlsx(lines_of([firm(1), firm(2), firm(3), firm(9)])))
    assert (again["counts"]["unchanged"], again["counts"]["refused"]) == (3, 1)
    (row,) = await rows_of(regulator, again, "refused")
    assert row["reasons"][0]["code"] == "list.pinned"


async def test_TS_07_an_entry_is_for_a_year_and_renewals_join(regulator: Caller) -> None:
    async def times(number: int) -> Any:
        answer = await regulator.get(f"/enterprises/{enterprise(number)}/memberships")
        return [(m["first_on"], m["last_on"]) for m in answer.json()["items"]]

    assert await times(1) == [("2021-12-31", "2023-12-30")]
    assert await times(3) == [("2021-12-31", "2022-12-30")]
    assert await times(4) == [("2022-12-31", "2023-12-30")]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sets(st.dates(date(2015, 1, 1), date(2030, 1, 1)), max_size=12))
def test_TS_07_a_day_is_within_a_time_exactly_where_a_list_covers_it(days: set[date]) -> None:
    found = memberships(day.isoformat() for day in days)
    assert all(a.last_on < b.first_on for a, b in itertools.pairwise(found))
    assert sum(len(each.vintages) for each in found) == len(days)
    for day in days:
        for probe in (day, last_day(day), date.fromordinal(last_day(day).toordinal() + 1)):
            covered = any(each <= probe <= last_day(each) for each in days)
            assert any(m.first_on <= probe <= m.last_on for m in found) == covered


def drawn(number: int, fen: int, on: date) -> LoanDrawn:
    return LoanDrawn(
        drawdown_id=uuid4(), loan_id=uuid4(), enterprise_id=enterprise(number),
        institution_id=BANK_A, outlet_id=uuid4(), region_code="320505", amount_fen=fen,
        new_money=True, drawn_on=on,
    )  # fmt: skip


def repaid(number: int, fen: int, on: date) -> RepaymentBooked:
    return RepaymentBooked(
        repayment_id=uuid4(), loan_id=uuid4(), enterprise_id=enterprise(number),
        institution_id=BANK_A, outlet_id=uuid4(), principal_fen=fen, repaid_on=on,
    )  # fmt: skip


async def loan(caller: Caller, number: int) -> bool | None:
    shown: bool | None = (await caller.get(f"/enterprises/{enterprise(number)}")).json()["has_loan"]
    return shown


async def test_JS_05_loans_are_known_from_lists_answers_and_bookings_each_with_its_day(
    stack: Stack,
) -> None:
    await stack.set_clock(TODAY)
    caller = stack.caller("registry", "province_regulator")
    await imported(stack, caller, xlsx(lines_of([firm(1, 是否有贷款="否"), firm(2)])))
    await stack.publish(drawn(1, 100, date(2022, 2, 1)), drawn(1, 50, date(2022, 2, 3)))
    await stack.settle()
    assert await loan(caller, 1) is True
    await stack.publish(repaid(1, 150, date(2022, 3, 1)))
    await stack.settle()
    assert await loan(caller, 1) is False
    statements = (await caller.get(f"/enterprises/{enterprise(1)}/loan-status")).json()["items"]
    assert [(s["as_of"], s["has_loan"], s["source"]) for s in statements] == [
        ("2022-03-01", False, "loan"), ("2022-02-01", True, "loan"),
        ("2021-12-31", False, "list:2021-12-31"),
    ]  # fmt: skip
    # The list had said that the other one has a loan, perhaps elsewhere: not known any more.
    await stack.publish(drawn(2, 100, date(2022, 2, 1)), repaid(2, 100, date(2022, 3, 1)))
    await stack.settle()
    assert await loan(caller, 2) is None


async def test_JS_05_a_bank_answers_for_its_enterprises_only(stack: Stack) -> None:
    await stack.set_clock(TODAY)
    caller = stack.caller("registry", "province_regulator")
    await imported(stack, caller, xlsx(lines_of([firm(1, 是否有贷款="否"), firm(2)])))
    await stack.publish(assigned(1, BANK_A, uuid4()))
    await stack.settle()
    bank = stack.caller("registry", "relationship_manager", institution_id=BANK_A)

    async def answers(number: int, as_of: str) -> Any:
        path = f"/enterprises/{enterprise(number)}/loan-status"
        return await bank("PUT", path, json={"has_loan": True, "as_of": as_of})

    assert (await answers(1, "2022-04-01")).status_code == 200
    assert await loan(caller, 1) is True
    assert (await answers(2, "2022-04-01")).status_code == 404
    future = await answers(1, "2022-04-09")
    assert (future.status_code, future.json()["code"]) == (409, "loan.in_future")
    assert (await answers(1, "2020-01-01")).status_code == 200  # an older day changes nothing now
    assert await loan(caller, 1) is True
    await stack.settle()
    events = await stack.rows("registry", "select from event_log where type like 'LoanStatus%'")
    assert len(events) == 2


async def test_R8_an_enterprise_is_placed_by_where_it_works_and_both_addresses_stay(
    stack: Stack,
) -> None:
    await stack.set_clock(TODAY)
    caller = stack.caller("registry", "province_regulator")
    row = firm(1, 注册地址="苏州市虎丘区样例路1号", 经营地址="昆山市样例路2号")
    await imported(stack, caller, xlsx(lines_of([row])))
    shown = (await caller.get(f"/enterprises/{UUID(int=enterprise(1).int)}")).json()
    assert (shown["region_code"], shown["precision"]) == ("320583", "county")
    assert shown["registered_address"] == "苏州市虎丘区样例路1号"
    assert shown["business_address"] == "昆山市样例路2号"


async def test_R8_a_point_is_kept_in_one_datum_and_the_one_it_came_in_is_noted(
    stack: Stack,
) -> None:
    await stack.set_clock(TODAY)
    caller = stack.caller("registry", "province_regulator")
    header = (*HEADER, "经度", "纬度", "坐标系")
    here = {"经度": "120.585294", "纬度": "31.299758"}
    rows = [
        firm(n, **here, 坐标系=datum)
        for n, datum in enumerate(("", "WGS-84", "高德GCJ-02", "百度坐标 BD-09", "北京54"), 1)
    ]
    job = await imported(stack, caller, xlsx(lines_of(rows, header)))
    assert (job["counts"]["taken"], job["counts"]["refused"]) == (4, 1)
    (refused,) = await rows_of(caller, job, "refused")
    assert (refused["row"], refused["reasons"][0]["code"]) == (6, "place.datum")
    assert refused["reasons"][0]["column"] == "坐标系"
    shown = [(await caller.get(f"/enterprises/{enterprise(n)}")).json() for n in range(1, 5)]
    assert [each["datum"] for each in shown] == ["WGS-84", "WGS-84", "GCJ-02", "BD-09"]
    assert {each["precision"] for each in shown} == {"point"}
    # Chinese maps lie some hundred metres off, to the east.
    off = [round((each["longitude"] - 120.585294) * 1_000) for each in shown]
    assert off == [0, 0, -4, -11]
    assert (shown[0]["latitude"], shown[0]["longitude"]) == (31.299758, 120.585294)
