"""What the registry changes later does not move what reporting said of last year (R4, ST-07, P8)."""

from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.allocation import CampaignOpened, EnterpriseAssigned, EnterpriseEnrolled
from shared.contracts.credit import LoanDrawn, LoanGranted
from shared.contracts.visits import VisitLogged
from shared.kernel.periods import SHANGHAI
from tests.registry.sheets import VINTAGE, firm, imported, lines_of, xlsx
from tests.registry.test_enterprises import BANK_A, enterprise
from tests.support.stack import Caller, Stack

CAMPAIGN = uuid4()
OPENS = date(2022, 4, 10)
FIRMS = range(1, 7)
VISITED = (1, 2, 3, 4)


@pytest.fixture
async def both(whole_stack: Stack) -> Stack:
    """The registry and reporting, empty."""
    own = whole_stack.only("registry", "reporting")
    await own.empty()
    return own


def rows(**changed: dict[str, Any]) -> list[dict[str, Any]]:
    """The list's rows, two to a county; `changed` by `n1`, `n2` …"""
    places = ("苏州市虎丘区浒墅关镇样例路", "昆山市样例路", "南京市玄武区样例路")
    return [
        firm(n, **({"经营地址": f"{places[(n - 1) // 2]}{n}号"} | changed.get(f"n{n}", {})))
        for n in FIRMS
    ]


async def last_years_campaign(stack: Stack) -> Caller:
    """A list imported, a campaign on it, four visits and two loans."""
    await stack.set_clock("2022-04-08T09:00:00+08:00")
    caller = stack.caller("registry", "province_regulator")
    await imported(stack, caller, xlsx(lines_of(rows())))
    await stack.publish(
        CampaignOpened(
            campaign_id=CAMPAIGN, profile="jiangsu-2022", list_vintage=VINTAGE, opens_on=OPENS,
            visits_from=date(2022, 5, 1), visits_until=date(2022, 8, 31),
            contacts_due_on=date(2022, 4, 30), rotation_on=date(2022, 9, 5),
        )
    )  # fmt: skip
    for n in FIRMS:
        county = ("320505", "320583", "320102")[(n - 1) // 2]
        await stack.publish(
            EnterpriseEnrolled(
                enterprise_id=enterprise(n), campaign_id=CAMPAIGN, list_vintage=VINTAGE,
                region_code=county, opens_on=OPENS,
            ),
            EnterpriseAssigned(
                assignment_id=uuid4(), enterprise_id=enterprise(n), campaign_id=CAMPAIGN, tier=2,
                bureau_code=None, institution_id=BANK_A, region_code=county, round=1,
                assigned_on=OPENS,
            ),
        )  # fmt: skip
        if n in VISITED:
            await stack.publish(visit(n, county), *loan(n, county))
    await stack.set_clock("2022-12-31T20:00:00+08:00")
    await stack.settle()
    return caller


def visit(n: int, county: str) -> VisitLogged:
    return VisitLogged(
        visit_id=uuid4(), enterprise_id=enterprise(n), campaign_id=CAMPAIGN,
        institution_id=BANK_A, outlet_id=UUID(int=1), staff_ids=(uuid4(),), region_code=county,
        remote=False, complete=True, missing=(), photos=1, told_campaign=True,
        visited_on=date(2022, 6, n),
    )  # fmt: skip


def loan(n: int, county: str) -> tuple[LoanGranted, LoanDrawn]:
    loan_id, on = uuid4(), date(2022, 8, n)
    place = {
        "loan_id": loan_id, "enterprise_id": enterprise(n), "institution_id": BANK_A,
        "outlet_id": UUID(int=1), "region_code": county,
    }  # fmt: skip
    booked = datetime(2022, 8, n, 9, tzinfo=SHANGHAI)
    return (
        LoanGranted(
            **place, line_id=None, amount_fen=100_000_00, origin="new",
            securities=("unsecured",), annual_rate_bp=400, booked_at=booked,
            first_loan_claimed=True, granted_on=on, matures_on=date(2023, 8, n),
        ),
        LoanDrawn(
            **place, drawdown_id=uuid4(), amount_fen=100_000_00, new_money=True, drawn_on=on
        ),
    )  # fmt: skip


async def figures(stack: Stack) -> dict[str, Any]:
    """Last year's quarters by county and institution, as known now, without when it is now."""
    caller, found = stack.caller("reporting", "province_regulator"), dict[str, Any]()
    for quarter in ("2022Q2", "2022Q3", "2022Q4"):
        for by, level in (("region", "county"), ("region", "city"), ("institution", "city")):
            query = {
                "campaign_id": str(CAMPAIGN), "quarter": quarter, "by": by, "level": level,
            }  # fmt: skip
            answer = await caller.get("/figures", params=query)
            assert answer.status_code == 200, answer.text
            body = answer.json()
            found[f"{quarter} {by} {level}"] = (body["rows"], body["total"])
    return found


async def test_R4_next_years_list_leaves_last_campaigns_coverage_as_it_was(both: Stack) -> None:
    caller = await last_years_campaign(both)
    before = await figures(both)
    total = before["2022Q3 region county"][1]
    assert (total["visited"], total["granted_n"]) == (4, 4)
    await both.set_clock("2023-04-08T09:00:00+08:00")
    # Two are dropped, one is new, one works in another city now.
    more = rows(n1={"经营地址": "南京市玄武区样例路1号"})[:4]
    job = await imported(both, caller, xlsx(lines_of([*more, firm(9)])), list_vintage="2022-12-31")
    assert (job["counts"]["new"], job["counts"]["dropped"]) == (1, 2)
    await both.settle()
    assert await figures(both) == before
    # From the year after on, the one that moved counts where the new list has it.
    assert await counties_of(both, enterprise(1)) == {
        "2022-12-31": "320505",
        "2023-01-01": "320102",
    }


async def counties_of(stack: Stack, enterprise_id: UUID) -> dict[str, str]:
    """Where the registry says an enterprise was on the last and the first day of the years."""
    found = await stack.rows(
        "registry",
        "select d::text, (select region_code from enterprise_slice where enterprise_id = $1 and"
        " valid_from <= d order by valid_from desc limit 1) from unnest($2::date[]) d",
        enterprise_id,
        [date(2022, 12, 31), date(2023, 1, 1)],
    )
    return {row[0]: row[1] for row in found}


async def test_R3_a_merger_of_this_year_and_its_undoing_leave_last_years_figures_as_they_were(
    both: Stack,
) -> None:
    caller = await last_years_campaign(both)
    before = await figures(both)
    await both.set_clock("2023-04-08T09:00:00+08:00")
    merger = {
        "survivor_id": str(enterprise(1)), "merged_id": str(enterprise(5)),
        "merged_on": "2023-03-01", "reason": "吸收合并",
    }  # fmt: skip
    answer = await caller.post("/mergers", json=merger)
    assert answer.status_code == 201, answer.text
    await both.settle()
    assert await figures(both) == before
    assert await listed_this_quarter(both) == len(FIRMS) - 1
    undone = await caller.post(
        f"/mergers/{answer.json()['merger_id']}/undo", json={"reason": "两家企业"}
    )
    assert undone.status_code == 200, undone.text
    await both.settle()
    assert await figures(both) == before
    assert await listed_this_quarter(both) == len(FIRMS)


async def listed_this_quarter(stack: Stack) -> int:
    """How many enterprises are on the list at the end of this quarter."""
    caller = stack.caller("reporting", "province_regulator")
    query = {"campaign_id": str(CAMPAIGN), "quarter": "2023Q2", "by": "region", "level": "city"}
    answer = await caller.get("/figures", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["total"]["listed"]


async def test_R9_cancelled_leaves_the_denominator_only_once_the_bureau_agreed(both: Stack) -> None:
    await last_years_campaign(both)
    regulator = both.caller("reporting", "province_regulator")
    manager = both.caller("registry", "relationship_manager", institution_id=BANK_A)
    bureau = both.caller("registry", "bureau", region_code="320500")

    async def rates(by: str = "region") -> tuple[int, int, str, int, str]:
        query = {"campaign_id": str(CAMPAIGN), "by": by, "level": "city"}
        total = (await regulator.get("/coverage", params=query)).json()["total"]
        names = ("due", "done", "rate", "cancelled", "rate_without_cancelled")
        return tuple(total[name] for name in names)  # pyright: ignore[reportReturnType]

    async def found(n: int, kind: str) -> str:
        body = {"kind": kind, "disposed_on": "2022-09-01", "evidence": "实地核实"}
        answer = await manager.post(f"/enterprises/{enterprise(n)}/dispositions", json=body)
        assert answer.status_code == 201, answer.text
        await both.settle()
        return answer.json()["disposition_id"]

    async def agree(disposition: str) -> None:
        word = {"approve": True, "reason": "已核实"}
        answer = await bureau.post(f"/dispositions/{disposition}/decision", json=word)
        assert answer.status_code == 200, answer.text
        await both.settle()

    assert await rates() == (6, 4, "0.6667", 0, "0.6667")
    cancelled = await found(1, "cancelled")
    assert await rates() == (6, 4, "0.6667", 0, "0.6667")  # a claim alone counts for nothing
    await agree(cancelled)
    assert await rates() == (6, 4, "0.6667", 1, "0.6000")  # 4 of 6; 3 of 5 without the one visited
    assert await rates("institution") == (6, 4, "0.6667", 1, "0.6000")
    await agree(await found(2, "no_need"))
    await agree(await found(3, "refused"))
    assert await rates() == (6, 4, "0.6667", 1, "0.6000")  # these stay due
    # Before the day it was found so, nothing is otherwise.
    assert (await figures(both))["2022Q2 region county"][1]["cancelled"] == 0
    assert (await figures(both))["2022Q3 region county"][1]["cancelled"] == 1


async def test_P8_a_border_that_moves_this_year_leaves_last_years_figures_as_they_were(
    both: Stack,
) -> None:
    caller = await last_years_campaign(both)
    before = await figures(both)
    await both.set_clock("2023-04-08T09:00:00+08:00")
    move = {
        "from_code": "320505", "to_code": "320507", "townships": ["浒墅关镇"],
        "valid_from": "2023-01-01", "reason": "区划调整",
    }  # fmt: skip
    answer = await caller.post("/regions/moves", json=move)
    assert answer.status_code == 202, answer.text
    await both.settle()
    (done,) = (await caller.get("/regions/moves")).json()["items"]
    assert done["moved"] == 2
    assert await figures(both) == before
