"""What one cell says: text in its one written form, codes, dates, numbers, flags."""

import re
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import lru_cache
from operator import mul
from typing import Final, cast

from shared.kernel.errors import BadInput
from shared.kernel.money import Unit, fen_from_sheet
from shared.kernel.uscc import check

Cell = str | float | int | bool | date | datetime | None

_BETWEEN: Final = "\x00"
_SPACES: Final = re.compile(r"\s+")
_AROUND: Final = re.compile(" ?\x00 ?")
_CJK_SPACE: Final = re.compile(r"(?<=[^\x00-\x7f]) +| +(?=[^\x00-\x7f])")
_DATE: Final = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?: 00:00(?::00)?)?|(\d{4})(\d{2})(\d{2})"
)
_PLACES: Final[dict[Unit, int]] = {"yuan": 2, "wan": 6}
_PLAIN: Final[dict[Unit, re.Pattern[str]]] = {
    "yuan": re.compile(r"(\d{1,12})(?:\.(\d{1,2}))?", re.ASCII),
    "wan": re.compile(r"(\d{1,8})(?:\.(\d{1,6}))?", re.ASCII),
}
_WHOLE: Final = re.compile(r"\d{1,9}(?:\.0+)?")
_SCIENTIFIC: Final = re.compile(r"\d(?:\.\d+)?[Ee]\+\d+")
_YES: Final = frozenset(("是", "有", "y", "yes", "1", "true", "√"))
_NO: Final = frozenset(("否", "无", "没有", "n", "no", "0", "false", "×"))
_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_VALUE: Final = {character: at for at, character in enumerate(_ALPHABET)}
_WEIGHTS: Final = (*(pow(3, at, 31) for at in range(17)), 1)
_SHAPE: Final = re.compile(f"[0-9A-HJ-NPQRTUWXY]{{2}}[0-9]{{6}}[{_ALPHABET}]{{10}}")


class Wrong(Exception):
    """A cell cannot be taken; `code` says why, and `doubtful` that a person may decide."""

    def __init__(self, code: str, *, doubtful: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.doubtful = doubtful


def clean(row: Sequence[Cell]) -> list[Cell]:
    """Return a row in its one written form: width folded, ends stripped, spaces inside collapsed.

    All cells of a row are folded at once, which takes a tenth of the time of one by one. The
    readers below expect cells of such rows.

    Units:   none.
    Raises:  nothing.
    Source:  JS-04, R2.
    """
    try:
        text = given = _BETWEEN.join(cast("Sequence[str]", row))
    except TypeError:
        return [clean((cell,))[0] if isinstance(cell, str) else cell for cell in row]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if text.split(None, 1) != [text]:  # quicker than to search it for spaces
        text = _AROUND.sub(_BETWEEN, _SPACES.sub(" ", text)).strip(" ")
    if text == given and text.count(_BETWEEN) == len(row) - 1:
        return list(row)
    cells: list[Cell] = text.split(_BETWEEN)  # pyright: ignore[reportAssignmentType]
    if len(cells) != len(row):  # a cell held the separator itself
        cells = [" ".join(cell.replace(_BETWEEN, " ").split()) for cell in map(text_of, row)]
    return cells


def text_of(cell: Cell) -> str:
    """Return the text of a cell of a clean row.

    Units:   none.
    Raises:  nothing.
    Source:  JS-04.
    """
    if isinstance(cell, str):
        return cell
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def name_of(cell: Cell) -> str:
    """Return a name in its one written form: width folded, no spaces beside Chinese characters.

    Units:   none.
    Raises:  nothing.
    Source:  R2: `(苏州)` and `（苏州）` are one.
    """
    text = text_of(cell)
    return _CJK_SPACE.sub("", text) if " " in text else text


def key_of(cell: Cell) -> str:
    """Return a code's normal form without judging it, to find the same code again."""
    return text_of(cell).replace(" ", "").upper()


def uscc_of(cell: Cell) -> str:
    """Return a credit code.

    Units:   none.
    Raises:  Wrong `uscc.missing`, `cell.precision_lost`, `uscc.length`, `uscc.format`,
             `uscc.check_character`; doubtful `uscc.old_registration`.
    Source:  JS-04, GB 32100-2015.
    """
    if isinstance(cell, str) and _is_uscc(cell):
        return cell
    code = code_of(cell)
    if not code:
        raise Wrong("uscc.missing")
    if _is_uscc(code):
        return code
    if code.isdigit() and len(code) in (12, 13, 15):
        raise Wrong("uscc.old_registration", doubtful=True)
    try:
        return check(code)
    except BadInput as error:
        raise Wrong(error.code) from error


def _is_uscc(code: str) -> bool:
    values = map(_VALUE.__getitem__, code)
    return bool(_SHAPE.fullmatch(code)) and sum(map(mul, values, _WEIGHTS)) % 31 == 0


def code_of(cell: Cell) -> str:
    """Return a code as text.

    A number has no leading zeros and only fifteen digits: what it lost cannot be known.

    Units:   none.
    Raises:  Wrong `cell.precision_lost`, where a spreadsheet made a number of it.
    Source:  JS-04.
    """
    if isinstance(cell, (int, float)):
        raise Wrong("cell.precision_lost")
    code = key_of(cell)
    if _SCIENTIFIC.fullmatch(code):
        raise Wrong("cell.precision_lost")
    return code


@lru_cache(maxsize=20_000)
def _day(text: str) -> date:
    if len(text) == 10 and text[4] == text[7] == "-":
        with suppress(ValueError):
            return date.fromisoformat(text)
    found = _DATE.fullmatch(text)
    if found is None:
        raise Wrong("date.format")
    year, month, day = (part for part in found.groups() if part)
    try:
        return date(int(year), int(month), int(day))
    except ValueError as error:
        raise Wrong("date.format") from error


def date_of(cell: Cell) -> date | None:
    """Return the day a cell names; None where it is blank.

    Units:   date.
    Raises:  Wrong `date.format`.
    Source:  JS-04.
    """
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    text = text_of(cell)
    return _day(text) if text else None


def flag_of(cell: Cell) -> bool | None:
    """Return yes or no; None where the cell is blank.

    Units:   none.
    Raises:  Wrong `flag.format`.
    Source:  JS-05.
    """
    text = text_of(cell).lower()
    if text in _YES:
        return True
    if text in _NO:
        return False
    if text:
        raise Wrong("flag.format")
    return None


def count_of(cell: Cell) -> int | None:
    """Return a whole number; None where the cell is blank.

    Units:   a count.
    Raises:  Wrong `number.format`.
    Source:  JS-04.
    """
    return _count(text_of(cell))


@lru_cache(maxsize=20_000)
def _count(written: str) -> int | None:
    text = written.removesuffix("人").removesuffix("户").replace(",", "")
    if not text:
        return None
    if not _WHOLE.fullmatch(text):
        raise Wrong("number.format")
    return int(text.partition(".")[0])


def fen_of(cell: Cell, unit: Unit) -> int | None:
    """Return an amount; None where the cell is blank.

    Units:   yuan or 万元 in (`unit`), integer fen out.
    Raises:  Wrong `money.format`, `money.too_many_decimals`, `money.negative`, `money.too_large`.
    Source:  ST-08.
    """
    if cell is None or cell == "":
        return None
    # The usual form, read directly; whatever else there is the kernel knows.
    if isinstance(cell, str) and (plain := _PLAIN[unit].fullmatch(cell)):
        return int(plain[1] + (plain[2] or "").ljust(_PLACES[unit], "0"))
    if isinstance(cell, (date, datetime)):
        raise Wrong("money.format")
    try:
        return fen_from_sheet(cell, unit=unit)
    except BadInput as error:
        raise Wrong(error.code) from error


def degrees_e6_of(cell: Cell) -> int | None:
    """Return a longitude or latitude in micro-degrees; None where the cell is blank.

    Units:   degrees in, micro-degrees out.
    Raises:  Wrong `place.format`.
    Source:  JS-06.
    """
    text = text_of(cell)
    if not text:
        return None
    try:
        degrees = float(text)
    except ValueError as error:
        raise Wrong("place.format") from error
    if not -180 <= degrees <= 180:
        raise Wrong("place.outside")
    return round(degrees * 1_000_000)
