"""Rows that cannot be read are refused alone, with what is wrong and where."""

from typing import Any

import pytest

from tests.credit.world import World, codes, drawdown, line, loan


def without(row: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


@pytest.mark.parametrize(
    ("kind", "row", "where", "code"),
    [
        ("lines", line(amount="1.001"), "amount", "money.too_many_decimals"),
        ("lines", line(amount="-1.00"), "amount", "money.negative"),
        ("lines", line(amount=100.5), "amount", "field.value_error"),
        ("lines", line(amount="0.00"), "amount", "field.greater_than"),
        ("lines", line(amount="1,000"), "amount", "money.format"),
        ("lines", line(uscc="91320583MA0000001A"), "uscc", "uscc.check_character"),
        ("lines", line(uscc="9132"), "uscc", "uscc.length"),
        ("lines", line(external_id=""), "external_id", "field.string_too_short"),
        ("lines", line(external_id="贷 1"), "external_id", "field.string_pattern_mismatch"),
        ("lines", without(line(), "external_id"), "external_id", "field.missing"),
        ("lines", without(line(), "outlet_code"), "row", "outlet.missing"),
        (
            "lines",
            line(approved_on="2022-02-30"),
            "approved_on",
            "field.date_from_datetime_parsing",
        ),
        ("lines", line(approved_on="20220501"), "approved_on", "date.format"),
        ("lines", line(approved_on=1651363200), "approved_on", "date.format"),
        ("lines", line(approved_on="2022-05-01T00:00:00"), "approved_on", "date.format"),
        ("lines", line(note="?"), "note", "field.extra_forbidden"),
        ("loans", loan(origin="fresh"), "origin", "code.unknown"),
        ("loans", loan(securities=["house"]), "securities.0", "code.unknown"),
        ("loans", loan(securities=[]), "securities", "field.too_short"),
        ("loans", loan(booked_at="2022-06-01T10:00:00"), "booked_at", "field.timezone_aware"),
        ("loans", loan(annual_rate="4.35"), "row", "rate.missing"),
        ("loans", without(loan(), "annual_rate_bp"), "row", "rate.missing"),
        ("loans", loan(annual_rate_bp=None, annual_rate="4.355"), "annual_rate", "rate.format"),
        ("drawdowns", drawdown(amount=None), "amount", "field.value_error"),
        ("drawdowns", "D1", "row", "field.model_type"),
        ("drawdowns", None, "row", "field.model_type"),
    ],
)
async def test_I1_an_unreadable_row_is_refused_with_the_field_and_a_code(
    world: World, kind: str, row: Any, where: str, code: str
) -> None:
    [answer] = await world.push(kind, row)
    assert answer["status"] == "refused"
    assert [(e["where"], e["code"]) for e in answer["errors"]] == [(where, code)]
    assert answer["errors"][0]["message"]


async def test_I1_a_refused_row_does_not_stop_the_others(world: World) -> None:
    answers = await world.push("loans", loan(1), loan(2, amount="1.001"), loan(3))
    assert [(a["row"], a["external_id"], a["status"]) for a in answers] == [
        (1, "N1", "created"),
        (2, "N2", "refused"),
        (3, "N3", "created"),
    ]


async def test_I1_an_atomic_batch_with_a_refused_row_writes_nothing(world: World) -> None:
    rows = [
        loan(1),
        loan(2, amount="1.001"),
        loan(3, outlet_id=str(loan()["outlet_id"])[:-1] + "0"),
    ]
    answer = await world.core().post("/loans:batch", json={"rows": rows, "atomic": True})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "push.refused")
    assert [(e["where"], e["code"]) for e in problem["errors"]] == [
        ("rows.2.amount", "money.too_many_decimals"),
        ("rows.3.outlet_id", "outlet.unknown"),
    ]
    assert await world.stack.rows("credit", "select from loan") == []
    assert await world.events("LoanGranted") == []


async def test_I1_an_atomic_batch_without_a_refused_row_is_written(world: World) -> None:
    answers = await world.push("loans", loan(1), loan(2), atomic=True)
    assert [a["status"] for a in answers] == ["created", "created"]


@pytest.mark.parametrize("rows", [[], [loan(n) for n in range(1001)]])
async def test_I1_a_batch_has_1_to_1000_rows(world: World, rows: list[Any]) -> None:
    answer = await world.core().post("/loans:batch", json={"rows": rows})
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")


@pytest.mark.parametrize(
    ("given", "bp"), [("4.35", 435), ("4.35%", 435), ("5", 500), ("0.5", 50), ("4.350", 435)]
)
async def test_a_rate_in_percent_is_kept_in_basis_points(world: World, given: str, bp: int) -> None:
    await world.pushed("loans", loan(annual_rate_bp=None, annual_rate=given))
    [granted] = await world.events("LoanGranted")
    assert granted["annual_rate_bp"] == bp


async def test_a_wrong_code_is_told_from_a_wrong_batch(world: World) -> None:
    answers = await world.push("loans", loan(1, origin="fresh"), loan(2, securities=["house"]))
    assert [codes(a) for a in answers] == [["code.unknown"], ["code.unknown"]]


@pytest.mark.parametrize(
    ("row", "where", "code"),
    [
        (b'{"external_id": "\\ud800"}', "external_id", None),
        (b'{"external_id": "A", "\\ud800": 1}', "row", "field.string_unicode"),
        (b'{"external_id": "A", "amount": "\\ud800"}', "row", "row.encoding"),
        (b'{"external_id": "A\\u0000"}', "external_id", "field.string_pattern_mismatch"),
        (b'{"external_id": "A", "amount": NaN}', "amount", "field.value_error"),
        (b'{"external_id": "A", "drawn_on": "0001-01-01"}', "drawn_on", "date.implausible"),
        (b'{"external_id": "A", "drawn_on": "9999-12-31"}', "drawn_on", "date.implausible"),
        (b'{"external_id": {"a": [1]}}', "external_id", "field.string_type"),
        (b"[[[1]]]", "row", None),
    ],
)
async def test_I1_a_hostile_row_is_refused_like_any_other(
    world: World, row: bytes, where: str, code: str | None
) -> None:
    answer = await world.core().post(
        "/drawdowns:batch",
        content=b'{"rows": [' + row + b"]}",
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    [refused] = answer.json()["rows"]
    found = [e for e in refused["errors"] if e["where"] == where]
    assert found
    assert code is None or found[0]["code"] == code


async def test_a_booking_instant_at_the_edge_of_time_is_refused(world: World) -> None:
    [answer] = await world.push("loans", loan(booked_at="0001-01-01T00:00:00+14:00"))
    assert codes(answer) == ["date.implausible"]
