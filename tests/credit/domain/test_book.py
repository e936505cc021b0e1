"""ST-04, C7, C12: the arithmetic of a loan, on every day."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.credit.domain.book import (
    Drawdown,
    LineAccount,
    LoanAccount,
    refuse_drawdown,
    refuse_repayment,
    refuse_reversal,
)

GRANTED = date(2022, 6, 1)
TODAY = date(2022, 8, 15)


def an_account(amount: int = 100, line: LineAccount | None = None) -> LoanAccount:
    return LoanAccount(
        loan_id=uuid4(),
        enterprise_id=uuid4(),
        outlet_id=uuid4(),
        new_money=True,
        amount_fen=amount,
        granted_on=GRANTED,
        line=line,
    )


def day(number: int) -> date:
    return GRANTED + timedelta(days=number)


@pytest.mark.parametrize(
    ("used", "asked", "taken"), [(0, 100, True), (0, 101, False), (60, 40, True), (60, 41, False)]
)
def test_ST_04_the_sum_of_drawdowns_stays_within_the_loan(
    used: int, asked: int, taken: bool
) -> None:
    loan = an_account(100)
    if used:
        loan.move(day(1), drawn=used)
    errors = refuse_drawdown(loan, amount_fen=asked, drawn_on=day(2), today=TODAY)
    assert (not errors) is taken


def test_C7_a_drawdown_above_the_line_is_refused_with_figures() -> None:
    line = LineAccount(line_id=uuid4(), amount_fen=500_00, outstanding_fen=480_00)
    errors = refuse_drawdown(
        an_account(1000_00, line), amount_fen=30_00, drawn_on=day(2), today=TODAY
    )
    assert [e.code for e in errors] == ["drawdown.over_line"]
    assert errors[0].message == "授信额度500.00元,已用480.00元,本次30.00元,超出10.00元"


@pytest.mark.parametrize(
    ("on", "code"), [(-1, "date.too_early"), (0, None), (75, None), (76, "date.in_future")]
)
def test_ST_05_money_moves_between_the_grant_and_today(on: int, code: str | None) -> None:
    errors = refuse_drawdown(an_account(), amount_fen=1, drawn_on=day(on), today=TODAY)
    assert [e.code for e in errors] == ([code] if code else [])


def test_C12_a_back_dated_repayment_is_judged_on_its_own_day() -> None:
    loan = an_account(100)
    loan.move(day(10), drawn=100)
    assert refuse_repayment(loan, principal_fen=50, repaid_on=day(9), today=TODAY)
    assert not refuse_repayment(loan, principal_fen=50, repaid_on=day(10), today=TODAY)


def test_C12_a_back_dated_repayment_may_not_make_a_later_day_negative() -> None:
    loan = an_account(100)
    loan.move(day(1), drawn=100)
    loan.move(day(5), repaid=80)
    loan.move(day(8), drawn=0, repaid=-60)
    errors = refuse_repayment(loan, principal_fen=30, repaid_on=day(2), today=TODAY)
    assert [e.code for e in errors] == ["repayment.over_balance"]


def test_C12_a_back_dated_drawdown_that_fits_today_but_not_on_its_day_is_refused() -> None:
    loan = an_account(100)
    loan.move(day(1), drawn=80)
    loan.move(day(20), drawn=-80)
    assert refuse_drawdown(loan, amount_fen=50, drawn_on=day(10), today=TODAY)
    assert not refuse_drawdown(loan, amount_fen=50, drawn_on=day(20), today=TODAY)


@pytest.mark.parametrize(
    ("before", "asked", "taken"), [(0, 60, True), (0, 61, False), (20, 40, True), (20, 41, False)]
)
def test_ST_10_a_reversal_takes_back_at_most_what_is_left_of_its_drawdown(
    before: int, asked: int, taken: bool
) -> None:
    loan = an_account(100)
    loan.move(day(1), drawn=100)
    drawdown = Drawdown(
        drawdown_id=uuid4(), loan=loan, amount_fen=60, reversed_fen=before, drawn_on=day(1)
    )
    errors = refuse_reversal(drawdown, amount_fen=asked, reversed_on=day(2), today=TODAY)
    assert (not errors) is taken


def test_ST_10_a_reversal_may_not_leave_a_negative_balance() -> None:
    loan = an_account(100)
    loan.move(day(1), drawn=60)
    loan.move(day(3), repaid=30)
    drawdown = Drawdown(
        drawdown_id=uuid4(), loan=loan, amount_fen=60, reversed_fen=0, drawn_on=day(1)
    )
    errors = refuse_reversal(drawdown, amount_fen=31, reversed_on=day(2), today=TODAY)
    assert [e.code for e in errors] == ["reversal.over_balance"]
    assert not refuse_reversal(drawdown, amount_fen=30, reversed_on=day(2), today=TODAY)


moves = st.lists(
    st.tuples(
        st.sampled_from(["draw", "repay", "reverse"]),
        st.integers(0, 12),
        st.integers(1, 60),
        st.integers(0, 5),
    ),
    max_size=40,
)


@settings(max_examples=400, deadline=None)
@given(moves)
def test_ST_04_any_sequence_keeps_every_days_balance_between_nothing_and_the_loan(
    sequence: list[tuple[str, int, int, int]],
) -> None:
    """Back-dated ones too: balance = Σ, never negative, never above the loan, line or drawdown."""
    line = LineAccount(line_id=uuid4(), amount_fen=90, outstanding_fen=0)
    loan = an_account(100, line)
    drawdowns: list[Drawdown] = []
    taken: list[tuple[date, int, int]] = []
    for kind, on, amount, which in sequence:
        when = day(on)
        if kind == "draw":
            errors = refuse_drawdown(loan, amount_fen=amount, drawn_on=when, today=TODAY)
            change = (amount, 0)
            if not errors:
                drawdowns.append(
                    Drawdown(
                        drawdown_id=uuid4(),
                        loan=loan,
                        amount_fen=amount,
                        reversed_fen=0,
                        drawn_on=when,
                    )
                )
        elif kind == "repay":
            errors = refuse_repayment(loan, principal_fen=amount, repaid_on=when, today=TODAY)
            change = (0, amount)
        elif drawdowns:
            drawdown = drawdowns[which % len(drawdowns)]
            errors = refuse_reversal(drawdown, amount_fen=amount, reversed_on=when, today=TODAY)
            change = (-amount, 0)
            if not errors:
                drawdown.reversed_fen += amount
        else:
            continue
        legal = _legal([*taken, (when, *change)])
        if errors:
            continue
        loan.move(when, drawn=change[0], repaid=change[1])
        taken.append((when, *change))
        assert legal
    assert loan.balance_fen == sum(drawn - repaid for _, drawn, repaid in taken)
    assert line.outstanding_fen == loan.balance_fen
    assert all(d.reversed_fen <= d.amount_fen for d in drawdowns)


@settings(max_examples=300, deadline=None)
@given(moves)
def test_ST_04_only_what_would_break_a_day_is_refused(
    sequence: list[tuple[str, int, int, int]],
) -> None:
    """The other direction: without line and single drawdowns in the way, a refusal has a bad day."""
    loan = an_account(100)
    taken: list[tuple[date, int, int]] = []
    for kind, on, amount, _ in sequence:
        when = day(on)
        if kind == "draw":
            errors = refuse_drawdown(loan, amount_fen=amount, drawn_on=when, today=TODAY)
            change = (amount, 0)
        else:
            errors = refuse_repayment(loan, principal_fen=amount, repaid_on=when, today=TODAY)
            change = (0, amount)
        assert (not errors) is _legal([*taken, (when, *change)])
        if not errors:
            loan.move(when, drawn=change[0], repaid=change[1])
            taken.append((when, *change))


def _legal(moved: list[tuple[date, int, int]]) -> bool:
    """By brute force: every end of day."""
    for end in {when for when, _, _ in moved}:
        drawn = sum(d for when, d, _ in moved if when <= end)
        repaid = sum(r for when, _, r in moved if when <= end)
        if not 0 <= drawn <= 100 or drawn - repaid < 0:
            return False
    return True
