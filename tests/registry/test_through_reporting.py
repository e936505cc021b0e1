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
    after = await figures(both)
    # A list speaks for its own day: at the end of the year, and only then, the one that moved
    # counts where the list of that day has it. Nothing is gained or lost by it.
    last_day = {name for name in before if name.startswith("2022Q4 region")}
    assert {n: v for n, v in after.items() if n not in last_day} == {
        n: v for n, v in before.items() if n not in last_day
    }
    assert all(after[name][1] == before[name][1] for name in last_day)


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
