"""JS-03, JS-16, C5: what a decision must say."""

from dataclasses import replace
from datetime import date
from uuid import uuid4

import pytest

from services.credit.domain.applications import Application, Decision, Filing, check_decision
from services.credit.domain.products import catalogue, product_on
from services.credit.domain.reasons import REASONS
from shared.kernel.errors import BadInput, Conflict

TODAY = date(2022, 8, 15)
FILED = Application(
    filing=Filing(
        application_id=uuid4(),
        campaign_id=None,
        enterprise_id=uuid4(),
        institution_id=uuid4(),
        outlet_id=uuid4(),
        product_code="sukedai",
        amount_fen=100,
        filed_on=date(2022, 6, 1),
    ),
    product_version=1,
    region_code="320583",
    on_own_list=True,
    decision=None,
)
APPROVED = Decision(
    approved=True,
    amount_fen=100,
    reason_code=None,
    remark="",
    npl_tolerance=None,
    due_diligence_exempt=None,
    decided_on=date(2022, 6, 10),
)
DECLINED = replace(APPROVED, approved=False, amount_fen=None, reason_code="bank_quota")


@pytest.mark.parametrize(
    "decision",
    [
        APPROVED,
        DECLINED,
        replace(APPROVED, amount_fen=1),
        replace(APPROVED, amount_fen=101, remark="追加设备款"),
        replace(APPROVED, decided_on=date(2022, 6, 1)),
        replace(APPROVED, decided_on=TODAY),
    ],
)
def test_JS_03_a_whole_decision_is_taken(decision: Decision) -> None:
    check_decision(FILED, decision, TODAY)


@pytest.mark.parametrize(
    ("decision", "code"),
    [
        (replace(DECLINED, reason_code=None), "decision.reason_missing"),
        (replace(DECLINED, reason_code=""), "decision.reason_missing"),
        (replace(DECLINED, reason_code="because"), "decision.reason_unknown"),
        (replace(DECLINED, amount_fen=5), "decision.amount_on_decline"),
        (replace(APPROVED, amount_fen=None), "decision.amount_missing"),
        (replace(APPROVED, amount_fen=0), "decision.amount_missing"),
        (replace(APPROVED, amount_fen=101), "decision.amount_above_applied"),
        (replace(APPROVED, amount_fen=101, remark="  "), "decision.amount_above_applied"),
        (replace(APPROVED, reason_code="bank_quota"), "decision.reason_on_approval"),
        (replace(APPROVED, decided_on=date(2022, 5, 31)), "decision.before_filing"),
        (replace(APPROVED, decided_on=date(2022, 8, 16)), "date.in_future"),
    ],
)
def test_C5_an_unexplained_or_wrongly_dated_decision_is_refused(
    decision: Decision, code: str
) -> None:
    with pytest.raises(BadInput) as refused:
        check_decision(FILED, decision, TODAY)
    assert refused.value.code == code


def test_JS_03_a_decision_is_made_once() -> None:
    with pytest.raises(Conflict):
        check_decision(replace(FILED, decision=DECLINED), APPROVED, TODAY)


def test_JS_16_every_reason_says_who_can_repair_it_and_how() -> None:
    assert len(REASONS) >= 10
    assert all(r.text_zh and r.repair_zh and r.repaired_by for r in REASONS.values())


def test_JS_15_the_provinces_products_are_in_the_catalogue_once_per_version() -> None:
    assert {p.name for p in catalogue()} >= {"苏科贷", "人才贷", "小微贷"}
    assert len({(p.code, p.version) for p in catalogue()}) == len(catalogue())
    assert product_on("sukedai", date(2022, 6, 1)).version == 1


@pytest.mark.parametrize(
    ("code", "on", "error"),
    [
        ("dreamdai", date(2022, 6, 1), "product.unknown"),
        ("sukedai", date(1999, 1, 1), "product.not_in_force"),
    ],
)
def test_C1_a_product_is_applied_for_only_while_in_force(code: str, on: date, error: str) -> None:
    with pytest.raises(BadInput) as refused:
        product_on(code, on)
    assert refused.value.code == error
