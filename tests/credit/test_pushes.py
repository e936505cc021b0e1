"""What a bank's core system pushes, and what it is told, row by row."""

from typing import Any

import pytest

from shared.platform.settings import SERVICES
from tests.credit.world import (
    A,
    B,
    World,
    codes,
    drawdown,
    enterprise_id,
    line,
    loan,
    repayment,
    reversal,
    uscc,
)

assert "credit" in SERVICES


async def test_a_line_loan_drawdown_repayment_and_reversal_are_taken(world: World) -> None:
    await world.pushed("lines", line())
    await world.pushed("loans", loan(line_external_id="L1"))
    await world.pushed("drawdowns", drawdown())
    await world.pushed("repayments", repayment())
    await world.pushed("reversals", reversal(amount="50000.00"))

    assert await world.balance() == "350000.00"
    lines = (await world.head().get("/lines")).json()["items"]
    assert [each["outstanding"] for each in lines] == ["350000.00"]
    for event_type in (
        "CreditLineApproved",
        "LoanGranted",
        "LoanDrawn",
        "RepaymentBooked",
        "LoanReversed",
    ):
        assert len(await world.events(event_type)) == 1, event_type


async def test_events_carry_the_banks_facts_in_fen(world: World) -> None:
    [loan_id] = await world.pushed(
        "loans", loan(first_loan_claimed=True, securities=["ip_pledge", "mortgage"])
    )
    [granted] = await world.events("LoanGranted")
    assert granted == {
        "loan_id": loan_id,
        "line_id": None,
        "enterprise_id": str(enterprise_id(1)),
        "institution_id": str(A.institution_id),
        "outlet_id": str(A.outlet_id),
        "region_code": "320583",
        "amount_fen": 100_000_000,
        "origin": "new",
        "securities": ["ip_pledge", "mortgage"],
        "annual_rate_bp": 435,
        "booked_at": "2022-06-01T10:00:00+08:00",
        "first_loan_claimed": True,
        "granted_on": "2022-06-01",
        "matures_on": "2023-06-01",
    }


@pytest.mark.parametrize("origin", ["extension", "refinancing", "restructuring", "renewal"])
async def test_ST_10_only_a_new_loan_is_new_money(world: World, origin: str) -> None:
    await world.pushed("loans", loan(1), loan(2, origin=origin))
    await world.pushed("drawdowns", drawdown(1), drawdown(2))
    await world.pushed("reversals", reversal(1), reversal(2))
    assert [e["new_money"] for e in await world.events("LoanDrawn")] in (
        [True, False],
        [False, True],
    )
    drawn = {e["enterprise_id"]: e["new_money"] for e in await world.events("LoanDrawn")}
    undone = {e["enterprise_id"]: e["new_money"] for e in await world.events("LoanReversed")}
    assert drawn == undone == {str(enterprise_id(1)): True, str(enterprise_id(2)): False}


async def test_ST_04_rows_of_one_batch_see_the_rows_before_them(world: World) -> None:
    await world.pushed("loans", loan(amount="100.00"))
    answers = await world.push(
        "drawdowns",
        drawdown(1, amount="60.00"),
        drawdown(2, loan_external_id="N1", amount="50.00"),
        drawdown(3, loan_external_id="N1", amount="40.00"),
    )
    assert [a["status"] for a in answers] == ["created", "refused", "created"]
    assert answers[1]["errors"] == [
        {
            "where": "amount",
            "code": "drawdown.over_loan",
            "message": "贷款金额100.00元,已用60.00元,本次50.00元,超出10.00元",
        }
    ]
    assert await world.balance() == "100.00"


async def test_C7_loans_under_a_line_together_stay_within_it(world: World) -> None:
    await world.pushed("lines", line(amount="100.00"))
    await world.pushed(
        "loans",
        loan(1, line_external_id="L1", amount="80.00"),
        loan(2, uscc=uscc(1), line_external_id="L1", amount="80.00"),
    )
    await world.pushed("drawdowns", drawdown(1, amount="80.00"))
    [over] = await world.push("drawdowns", drawdown(2, amount="21.00"))
    assert codes(over) == ["drawdown.over_line"]
    await world.pushed("repayments", repayment(principal="1.00"))
    await world.pushed("drawdowns", drawdown(2, amount="21.00"))


@pytest.mark.parametrize(
    ("kind", "row", "expected"),
    [
        ("lines", line(uscc=uscc(99)), ["enterprise.unknown"]),
        ("lines", line(outlet_code="999"), ["outlet.unknown"]),
        ("lines", line(outlet_code=None, outlet_id=str(B.outlet_id)), ["outlet.unknown"]),
        ("lines", line(uscc=uscc(99), outlet_code="999"), ["enterprise.unknown", "outlet.unknown"]),
        ("lines", line(approved_on="2022-08-16"), ["date.in_future"]),
        ("lines", line(valid_until="2022-04-30"), ["line.ends_before_start"]),
        ("loans", loan(line_external_id="L9"), ["line.unknown"]),
        ("loans", loan(matures_on="2022-06-01"), ["loan.matures_too_early"]),
        ("loans", loan(granted_on="2022-08-16"), ["date.in_future"]),
        ("loans", loan(booked_at="2022-08-15T23:59:00+08:00"), ["date.in_future"]),
        ("drawdowns", drawdown(9), ["loan.unknown"]),
        ("repayments", repayment(9), ["loan.unknown"]),
        ("reversals", reversal(9), ["drawdown.unknown"]),
    ],
)
async def test_I4_what_the_platform_does_not_know_is_refused_never_guessed(
    world: World, kind: str, row: dict[str, Any], expected: list[str]
) -> None:
    [answer] = await world.push(kind, row)
    assert (answer["status"], answer["id"], codes(answer)) == ("refused", None, expected)
    assert (
        await world.stack.rows("credit", "select from event_log union all select from outbox") == []
    )


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (loan(2, line_external_id="L1"), ["loan.line_of_another"]),
        (loan(line_external_id="L1", amount="1000000.01"), ["loan.over_line"]),
        (loan(line_external_id="L1", granted_on="2022-04-30"), ["loan.outside_line_dates"]),
    ],
)
async def test_C7_a_loan_fits_the_line_it_names(
    world: World, row: dict[str, Any], expected: list[str]
) -> None:
    await world.pushed("lines", line())
    [answer] = await world.push("loans", row)
    assert codes(answer) == expected


@pytest.mark.parametrize(
    ("kind", "row", "expected"),
    [
        (
            "drawdowns",
            drawdown(2, loan_external_id="N1", drawn_on="2022-05-31"),
            ["date.too_early"],
        ),
        (
            "drawdowns",
            drawdown(2, loan_external_id="N1", drawn_on="2022-08-16"),
            ["date.in_future"],
        ),
        ("repayments", repayment(principal="500000.01"), ["repayment.over_balance"]),
        ("repayments", repayment(repaid_on="2022-06-09"), ["repayment.over_balance"]),
        ("repayments", repayment(repaid_on="2022-08-16"), ["date.in_future"]),
        (
            "reversals",
            reversal(amount="500000.01"),
            ["reversal.over_drawdown", "reversal.over_balance"],
        ),
        (
            "reversals",
            reversal(reversed_on="2022-06-09"),
            ["date.too_early", "reversal.over_balance"],
        ),
    ],
)
async def test_ST_04_money_moves_only_within_what_there_is(
    world: World, kind: str, row: dict[str, Any], expected: list[str]
) -> None:
    await world.pushed("loans", loan())
    await world.pushed("drawdowns", drawdown())
    [answer] = await world.push(kind, row)
    assert codes(answer) == expected
    assert await world.balance() == "500000.00"


async def test_C12_a_back_dated_row_is_judged_on_its_own_day(world: World) -> None:
    await world.pushed("loans", loan(amount="100.00"))
    await world.pushed("drawdowns", drawdown(1, amount="100.00", drawn_on="2022-06-10"))
    await world.pushed("reversals", reversal(1, amount="100.00", reversed_on="2022-07-20"))
    late = drawdown(2, loan_external_id="N1", amount="50.00", drawn_on="2022-07-01")
    [answer] = await world.push("drawdowns", late)
    assert codes(answer) == ["drawdown.over_loan"]
    await world.pushed("drawdowns", late | {"drawn_on": "2022-07-20"})


async def test_C9_the_banks_claims_stand_beside_the_derived_classes(world: World) -> None:
    [loan_id] = await world.pushed(
        "loans",
        loan(
            matures_on="2023-06-02",
            securities=["unsecured", "guarantee"],
            unsecured_claimed=True,
            medium_long_claimed=False,
        ),
    )
    shown = (await world.head().get(f"/loans/{loan_id}")).json()["loan"]
    assert shown["classes"] == {
        "definition": "ST-03.1",
        "medium_long": True,
        "unsecured": False,
        "ip_pledged": False,
    }
    assert shown["claims"] == {
        "first_loan": None,
        "medium_long": False,
        "unsecured": True,
        "ip_pledged": None,
    }


async def test_a_loan_is_shown_with_its_movements(world: World) -> None:
    [loan_id] = await world.pushed("loans", loan())
    await world.pushed("drawdowns", drawdown())
    await world.pushed("repayments", repayment())
    shown = (await world.manager().get(f"/loans/{loan_id}")).json()
    assert [(m["kind"], m["amount"], m["business_on"]) for m in shown["movements"]] == [
        ("drawdown", "500000.00", "2022-06-10"),
        ("repayment", "100000.00", "2022-07-10"),
    ]
    assert shown["loan"]["uscc"] == uscc(1)
    assert shown["loan"]["new_money"] is True


async def test_a_movement_in_the_book_cannot_be_changed_or_removed(world: World) -> None:
    import asyncpg

    await world.pushed("loans", loan())
    await world.pushed("drawdowns", drawdown())
    anybody = await world.stack.superuser("credit")
    for statement in ("update movement set amount_fen = 1", "delete from movement"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await anybody.execute(statement)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.stack.rows("credit", statement)
    await anybody.close()
