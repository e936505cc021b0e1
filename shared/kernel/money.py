"""Money as integer fen; text only at the edges (ST-08)."""

import re
import unicodedata
from decimal import Decimal
from typing import Final, Literal

from shared.kernel.errors import BadInput

FEN_PER_YUAN: Final = 100
FEN_PER_WAN: Final = 1_000_000
# Ten trillion yuan: above any bank's balance sheet, and far inside a 64-bit integer.
LIMIT_FEN: Final = 10**15

Unit = Literal["yuan", "wan"]

_NUMBER = re.compile(r"(-?)([0-9]{1,20})(?:\.([0-9]{1,20}))?")
_THOUSANDS = re.compile(r"-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
_DECIMALS: Final[dict[Unit, int]] = {"yuan": 2, "wan": 6}
_ROUND_TO_FEN: Final = FEN_PER_WAN // 100


def fen_from_yuan(amount: str | int, *, allow_negative: bool = False) -> int:
    """Read an amount in yuan as the API carries it: `"1200000.00"`, `"5"` or `5`.

    Units:   yuan in, integer fen out.
    Raises:  BadInput `money.format`, `money.too_many_decimals`, `money.negative`,
             `money.too_large`.
    Source:  ST-08.
    """
    # A bool is an int to Python and a float has already lost digits: neither is money.
    if isinstance(amount, bool) or not isinstance(amount, (str, int)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise BadInput("money.format", "金额格式不正确", "金额须为十进制字符串")
    return _scaled(str(amount), "yuan", allow_negative=allow_negative)


def fen_from_sheet(cell: str | float, *, unit: Unit = "yuan", allow_negative: bool = False) -> int:
    """Read an amount from a spreadsheet cell: full-width digits, commas and spaces allowed.

    A numeric cell is a double in the file itself. Spreadsheets show fifteen digits of it,
    which is what the typist saw: those digits are read, the double is never calculated with.

    Units:   yuan or 万元 in (`unit`), integer fen out.
    Raises:  BadInput as `fen_from_yuan`.
    Source:  ST-08, JS-04.
    """
    if isinstance(cell, bool):
        raise BadInput("money.format", "金额格式不正确", "单元格是逻辑值")
    if isinstance(cell, (int, float)):
        text = format(Decimal(f"{cell:.15g}" if isinstance(cell, float) else cell), "f")
    else:
        text = "".join(unicodedata.normalize("NFKC", cell).split())
        if _THOUSANDS.fullmatch(text):
            text = text.replace(",", "")
    return _scaled(text, unit, allow_negative=allow_negative)


def _scaled(text: str, unit: Unit, *, allow_negative: bool) -> int:
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise BadInput("money.format", "金额格式不正确", f"无法识别的金额: {text[:40]}")
    sign, whole, decimals = found[1], found[2], found[3] or ""
    places = _DECIMALS[unit]
    # Zeros past the unit's places change nothing; Excel writes them.
    if len(decimals.rstrip("0")) > places:
        raise BadInput("money.too_many_decimals", "金额小数位过多", f"最多{places}位小数")
    fen = int(whole + decimals[:places].ljust(places, "0"))
    if fen > LIMIT_FEN:
        raise BadInput("money.too_large", "金额超出范围", "金额不得超过十万亿元")
    if sign and fen:
        if not allow_negative:
            raise BadInput("money.negative", "金额不能为负数")
        return -fen
    return fen


def yuan(fen: int) -> str:
    """Write fen as a yuan string with two decimals, the form of the API and of files.

    Units:   integer fen in, yuan out.
    Raises:  nothing.
    Source:  ST-08.
    """
    whole, rest = divmod(abs(fen), FEN_PER_YUAN)
    return f"{'-' if fen < 0 else ''}{whole}.{rest:02d}"


def wan(fen: int) -> str:
    """Write fen in 万元 with two decimals, rounded half to even, as bulletins show it.

    Units:   integer fen in, 万元 (10,000 yuan) out.
    Raises:  nothing.
    Source:  ST-08.
    """
    hundredths, rest = divmod(abs(fen), _ROUND_TO_FEN)
    twice = 2 * rest
    if twice > _ROUND_TO_FEN or (twice == _ROUND_TO_FEN and hundredths % 2):
        hundredths += 1
    whole, cents = divmod(hundredths, 100)
    return f"{'-' if fen < 0 and hundredths else ''}{whole}.{cents:02d}"
