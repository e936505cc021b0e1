"""Money in and out of text (ST-08)."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel import money
from shared.kernel.errors import BadInput

FEN = st.integers(min_value=-money.LIMIT_FEN, max_value=money.LIMIT_FEN)


@given(FEN)
def test_ST_08_what_is_written_in_yuan_reads_back_to_the_same_fen(fen: int) -> None:
    assert money.fen_from_yuan(money.yuan(fen), allow_negative=True) == fen


@given(FEN)
def test_ST_08_wan_rounds_half_to_even_like_decimal_arithmetic(fen: int) -> None:
    exact = (Decimal(fen) / money.FEN_PER_WAN).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    assert Decimal(money.wan(fen)) == exact


@pytest.mark.parametrize(
    ("fen", "written"),
    [
        (5_000, "0.00"),
        (15_000, "0.02"),
        (25_000, "0.02"),
        (25_001, "0.03"),
        (-25_000, "-0.02"),
        (-4_999, "0.00"),
        (120_000_000, "120.00"),
    ],
)
def test_ST_08_wan_at_the_half(fen: int, written: str) -> None:
    assert money.wan(fen) == written


@pytest.mark.parametrize(
    ("text", "fen"),
    [("1200000.00", 120_000_000), ("5", 500), (6, 600), ("0.1", 10), ("1.500", 150), ("007", 700)],
)
def test_ST_08_an_api_amount_is_read_exactly(text: str | int, fen: int) -> None:
    assert money.fen_from_yuan(text) == fen


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1.001", "money.too_many_decimals"),
        ("1,000", "money.format"),
        ("１", "money.format"),
        ("1e5", "money.format"),
        ("", "money.format"),
        (" 1", "money.format"),
        ("NaN", "money.format"),
        (True, "money.format"),
        (1.5, "money.format"),
        (None, "money.format"),
        ("-1", "money.negative"),
        ("10000000000000.01", "money.too_large"),
    ],
)
def test_ST_08_anything_else_is_refused_with_its_code(text: object, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        money.fen_from_yuan(text)  # pyright: ignore[reportArgumentType]
    assert refused.value.code == code
    assert refused.value.status == 422


@pytest.mark.parametrize(
    ("cell", "unit", "fen"),
    [
        ("１，２３４．５０", "yuan", 123_450),
        (" 1 234.5 ", "yuan", 123_450),
        (1234.56, "yuan", 123_456),
        (0.1 + 0.2, "yuan", 30),
        (1_200_000.0, "yuan", 120_000_000),
        ("12.345678", "wan", 12_345_678),
        (3, "wan", 3_000_000),
    ],
)
def test_JS_04_a_sheet_cell_is_read_as_its_typist_saw_it(cell: str, unit: str, fen: int) -> None:
    assert money.fen_from_sheet(cell, unit=unit) == fen  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("cell", ["1,23", "12,34,567", "约500", float("nan"), float("inf"), True])
def test_JS_04_an_unclear_cell_is_refused(cell: str | float) -> None:
    with pytest.raises(BadInput, match=r"money\.format"):
        money.fen_from_sheet(cell)


@given(FEN.filter(lambda fen: fen >= 0))
def test_JS_04_full_width_and_grouped_amounts_read_like_plain_ones(fen: int) -> None:
    whole, _, rest = money.yuan(fen).partition(".")
    grouped = f"{int(whole):,}.{rest}"
    full_width = grouped.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
    assert money.fen_from_sheet(full_width) == fen
