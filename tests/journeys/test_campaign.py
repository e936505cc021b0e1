"""The same campaign on both transports: figures right, the same bytes, and again after a rebuild."""

import json
from datetime import date
from pathlib import Path

import pytest

from benchmarks.campaign import recount
from benchmarks.campaign.checking import AXES, BEFORE_CORRECTIONS
from benchmarks.campaign.recount import Campaign, Counted
from shared.kernel import permissions
from tests.journeys.kept import Kept

pytestmark = [pytest.mark.journey, pytest.mark.timeout(1800)]
CUT_OFFS = ("", BEFORE_CORRECTIONS.isoformat())
QUARTERS = tuple(recount.QUARTERS)


def counted(campaign: Campaign, quarter: str, known_on: str) -> Counted:
    cut = date.fromisoformat(known_on) if known_on else recount.FOREVER
    return recount.count(campaign, quarter, cut)


def wrong_cells(kept: Kept) -> list[str]:
    """Cells that are not what input and actions alone come to."""
    campaign = recount.load(kept.folder)
    found: list[str] = []
    for quarter in QUARTERS:
        for known_on in CUT_OFFS:
            should = counted(campaign, quarter, known_on)
            for axis in AXES:
                answer = json.loads(kept.figures[quarter, axis, known_on])
                wrong = recount.differences(answer, should, axis)
                found += [f"{quarter} {known_on or 'now'} {cell}" for cell in wrong]
    return found


def test_JS_22_every_region_and_institution_row_equals_the_count_from_input_and_actions(
    on_log: Kept,
) -> None:
    assert wrong_cells(on_log) == []


def test_the_campaign_has_everything_that_could_be_counted_wrongly(on_log: Kept) -> None:
    """Guards the test above: where nothing happens, everything is right."""
    campaign = recount.load(on_log.folder)
    done = [action for each in campaign.enterprises.values() for action in each.actions]
    kinds = {action["did"] for action in done}
    assert kinds >= {
        "assigned", "unassigned", "contact", "visit", "void", "move", "application", "decision",
        "line", "loan", "drawdown", "repayment", "reversal",
    }  # fmt: skip
    assert any(action["did"] == "visit" and not action["complete"] for action in done)
    assert any(action["did"] == "drawdown" and not action["new_money"] for action in done)
    assert any(action["known_on"].month > action["on"].month for action in done if "on" in action)
    final = recount.count(campaign, "2022Q4")
    banks = sum(cell["matched_total"] for place, cell in final.items() if place[0] == "bank")
    assert banks > final["total", ""]["matched_total"] > 0  # some are matched at two banks


def test_ST_05_figures_known_before_the_corrections_differ_from_those_known_now(
    on_log: Kept,
) -> None:
    """The cut-off is no ornament: the corrections changed quarters that were already over."""
    past = CUT_OFFS[1]
    assert on_log.figures["2022Q2", "county", past] != on_log.figures["2022Q2", "county", ""]
    assert on_log.figures["2022Q3", "bank", past] != on_log.figures["2022Q3", "bank", ""]


def test_a_count_that_leaves_one_action_out_is_noticed(on_log: Kept) -> None:
    campaign = recount.load(on_log.folder)
    for enterprise in campaign.enterprises.values():
        if line := next((a for a in enterprise.actions if a["did"] == "line"), None):
            enterprise.actions.remove(line)
            break
    answer = json.loads(on_log.figures["2022Q4", "city", ""])
    assert recount.differences(answer, recount.count(campaign, "2022Q4"), "city")


def test_rebuild_gives_the_same_bytes_on_log(on_log: Kept) -> None:
    assert on_log.rebuilt == on_log.figures


def test_the_report_tells_time_and_memory_of_every_step(on_log: Kept) -> None:
    report = json.loads((on_log.folder / "report.json").read_text())
    assert len(report["steps"]) > 30
    assert all(step["seconds"] >= 0 for step in report["steps"])
    assert max(step["platform_mib"] for step in report["steps"]) > 0


def test_only_the_owner_may_read_the_passwords(on_log: Kept) -> None:
    path = on_log.folder / "accounts.json"
    assert path.stat().st_mode & 0o777 == 0o600
    roles = {row["role"] for row in json.loads(path.read_text())}
    assert roles == set(permissions.roles())  # one can sign in as each


@pytest.mark.kafka
def test_JS_22_the_same_holds_on_kafka(on_kafka: Kept) -> None:
    assert wrong_cells(on_kafka) == []


@pytest.mark.kafka
def test_the_same_campaign_gives_byte_identical_figures_on_log_and_on_kafka(
    on_log: Kept, on_kafka: Kept
) -> None:
    assert sorted(on_log.figures) == sorted(on_kafka.figures)
    for asked, body in on_log.figures.items():
        assert on_kafka.figures[asked] == body, asked


@pytest.mark.kafka
def test_rebuild_gives_the_same_bytes_on_kafka(on_kafka: Kept) -> None:
    assert on_kafka.rebuilt == on_kafka.figures


def test_the_journal_of_a_run_lies_beside_its_inputs(on_log: Kept) -> None:
    kept: Path = on_log.folder
    assert (kept / "actions.ndjson").stat().st_size > 0
    assert (kept / "inputs" / "enterprises.xlsx").exists()
    assert (kept / "reports" / "enterprises.xlsx").exists()
