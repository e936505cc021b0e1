"""Check the rows of a sheet, one by one and against each other."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeVar

import msgspec

from services.registry.domain.cells import Cell, Wrong, clean, key_of, text_of
from services.registry.domain.columns import Form
from services.registry.domain.header import Header
from services.registry.domain.reasons import reason
from services.registry.domain.records import AnyRecord, Kind, Reason, Rejected
from shared.kernel.errors import BadInput
from shared.kernel.industry import read as read_industry

#: Of a footer only its label is shown: behind it stands who signed, with a telephone.
_LABEL: Final = re.compile("(?<=[::])")

Row = Sequence[Cell]
Checked = AnyRecord | Rejected
ValueT = TypeVar("ValueT")
BLOCK_ROWS: Final = 2_000
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_FOOTERS: Final = (
    "合计", "总计", "小计", "共计", "注:", "备注:", "说明", "填表", "制表", "审核", "单位负责人",
)  # fmt: skip


class Refusing:
    """Reads the cells of one row and collects what is wrong with them.

    Rows end in an empty cell, where columns point that the file does not have.
    """

    __slots__ = ("_at", "_doubtful", "_reasons", "_refused", "_titles", "places", "row")

    def __init__(self, header: Header, form: Form) -> None:
        self.places = header.places
        self._at = {c.field: header.places.get(c.field, -1) for c in form.columns}
        self._titles = {c.field: header.titles.get(c.field, c.title) for c in form.columns}
        self.begin(())

    def begin(self, row: Row) -> None:
        """Turn to the next row."""
        self.row = row
        self._reasons: list[Reason] = []
        self._refused = False
        self._doubtful = False

    def cell(self, field: str) -> Cell:
        """The cell of a column; empty where the file has no such column."""
        return self.row[self._at[field]]

    def text(self, field: str) -> str:
        """The text of a column's cell."""
        cell = self.row[self._at[field]]
        return cell if isinstance(cell, str) else text_of(cell)

    def read(self, field: str, reader: Callable[[Cell], ValueT], instead: ValueT) -> ValueT:
        """What `reader` makes of a cell; `instead`, with the reason kept, where it cannot."""
        cell = self.row[self._at[field]]
        try:
            return reader(cell)
        except Wrong as wrong:
            self.add(reason(self._titles[field], wrong.code, text_of(cell)), wrong.doubtful)
            return instead

    def columns(
        self,
        readers: Mapping[str, Callable[[Cell], ValueT]],
        columns: Sequence[Sequence[Cell]],
        wrong: set[int],
    ) -> list[list[ValueT | None]]:
        """What the readers make of whole columns; rows with a cell they cannot read get `wrong`."""
        return [
            _read_column(columns[self._at[field]], reader, wrong)
            for field, reader in readers.items()
        ]

    def add(self, why: Reason, doubtful: bool) -> None:
        """Keep a reason."""
        self._reasons.append(why)
        if doubtful:
            self._doubtful = True
        else:
            self._refused = True

    def refuse(self, field: str, code: str, value: object = "") -> None:
        """Keep a reason for a column of the form."""
        self.add(reason(self._titles[field], code, value), doubtful=False)

    def rejected(self, number: int, key: str) -> Rejected | None:
        """The row's rejection; None where nothing is wrong."""
        if not self._reasons:
            return None
        return Rejected(
            number, key, "refused" if self._refused else "doubtful", tuple(self._reasons)
        )


def _read_column(
    cells: Sequence[Cell], reader: Callable[[Cell], ValueT], wrong: set[int]
) -> list[ValueT | None]:
    with suppress(Wrong):
        return list(map(reader, cells))
    values: list[ValueT | None] = []
    for at, cell in enumerate(cells):
        try:
            values.append(reader(cell))
        except Wrong:
            wrong.add(at)
            values.append(None)
    return values


Numbered = tuple[int, Row]


@dataclass(frozen=True, slots=True)
class Checker:
    """How the rows of one kind are checked: `key` finds repeats before `check` looks closely.

    `check_block` checks many rows to the same effect, where that is quicker column by column.
    """

    kind: Kind
    key: Callable[[Row], str]
    check: Callable[[int, Row], Checked]
    check_block: Callable[[Sequence[Numbered]], Sequence[Checked]] | None = None

    def check_all(self, rows: Sequence[Numbered]) -> Sequence[Checked]:
        """Check rows in order."""
        if self.check_block and rows:
            return self.check_block(rows)
        return [self.check(number, row) for number, row in rows]


@dataclass(slots=True)
class Lines:
    """The lines of a sheet below its header: data rows, and what was passed over."""

    rows: list[Numbered] = field(default_factory=list[Numbered])
    blank: int = 0
    skipped: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])


def split_lines(lines: Sequence[Row], header: Header) -> Lines:
    """Tell data rows from blank lines, footers and repeated headers; numbers count from 1.

    Units:   none.
    Raises:  nothing.
    Source:  JS-04.
    """
    split = Lines()
    places = list(header.places.values())
    titles = clean([header.titles[name] for name in header.places])
    for number, raw in enumerate(lines[header.first :], header.first + 1):
        row = clean(raw)
        first = row[0]
        if first is None or first == "":
            first = next((cell for cell in row if cell is not None and cell != ""), None)
        if first is None:
            split.blank += 1
            continue
        shown = text_of(first)
        if (shown.startswith(_FOOTERS) and _is_footer(row, places)) or (
            row[places[0]] == titles[0] and _is_header(row, places, titles)
        ):
            split.skipped.append((number, _LABEL.split(shown)[0][:60]))
        else:
            row.append("")
            split.rows.append((number, row))
    return split


def _is_footer(row: Row, places: Sequence[int]) -> bool:
    # Totals stand under number columns, so a footer may fill a few cells, a data row most.
    filled = sum(1 for at in places if row[at] is not None and row[at] != "")
    return filled <= max(len(places) // 2, 1)


def _is_header(row: Row, places: Sequence[int], titles: Sequence[Cell]) -> bool:
    return all(key_of(row[at]) == key_of(title) for at, title in zip(places, titles, strict=True))


def check_rows(checker: Checker, rows: Sequence[Numbered]) -> Iterator[Checked]:
    """Check all rows in order. Rows of one key are settled together: same content or not.

    Units:   none.
    Raises:  nothing.
    Source:  R1, R2.
    """
    keys = [checker.key(row) for _, row in rows]
    repeated = {key for key, times in Counter(keys).items() if times > 1 and key}
    settled = _settle_all(checker, keys, rows, repeated) if repeated else {}
    for start in range(0, len(rows), BLOCK_ROWS):
        block = rows[start : start + BLOCK_ROWS]
        checked = iter(checker.check_all([each for each in block if each[0] not in settled]))
        for number, _ in block:
            yield settled.get(number) or next(checked)


def _settle_all(
    checker: Checker, keys: Sequence[str], rows: Sequence[Numbered], repeated: set[str]
) -> dict[int, Checked]:
    together: dict[str, list[Numbered]] = {}
    for key, numbered in zip(keys, rows, strict=True):
        if key in repeated:
            together.setdefault(key, []).append(numbered)
    settled: dict[int, Checked] = {}
    for group in together.values():
        checked = {number: checker.check(number, row) for number, row in group}
        settled |= checked | _settle(checker.kind, checked)
    return settled


def _settle(kind: Kind, checked: dict[int, Checked]) -> dict[int, Checked]:
    """Decide between good rows of one key: the first of equals, none of different ones."""
    good = {n: each for n, each in checked.items() if not isinstance(each, Rejected)}
    if len(good) < 2:
        return {}
    title = "统一社会信用代码" if kind in ("enterprises", "facts") else "编码"
    first, *others = good
    numbers = "、".join(str(number) for number in good)
    if len({each.digest for each in good.values()}) == 1:
        more = f"(第{first}行)"
        return {
            n: Rejected(
                n, good[n].key, "refused", (reason(title, "row.duplicate", good[n].key, more),)
            )
            for n in others
        }
    more = f"(第{numbers}行)"
    return {
        n: Rejected(
            n,
            each.key,
            "doubtful",
            (reason(title, "row.same_code_differs", each.key, more),),
        )
        for n, each in good.items()
    }


def digest_of(*parts: object) -> bytes:
    """Return what stands for a row's content: equal rows have equal digests."""
    return hashlib.blake2b(_ENCODE(parts), digest_size=16).digest()


@lru_cache(maxsize=4_000)
def _industry(text: str) -> str:
    try:
        return read_industry(text).code
    except BadInput as error:
        raise Wrong("industry.unknown") from error


def industry_of(cell: Cell) -> str | None:
    """Return the division of an industry cell; None where it is blank.

    Units:   GB/T 4754 code.
    Raises:  Wrong `industry.unknown`.
    Source:  JS-05.
    """
    text = text_of(cell)
    return _industry(text) if text else None


def required_name(cell: Cell, read: Callable[[Cell], str]) -> str:
    """Return a name that must be there.

    Units:   none.
    Raises:  Wrong `name.missing`, `name.too_long`.
    Source:  JS-04.
    """
    name = read(cell)
    if not name:
        raise Wrong("name.missing")
    if len(name) > 200:
        raise Wrong("name.too_long")
    return name


def key_in(places: dict[str, int], *fields: str) -> Callable[[Row], str]:
    """Return a function that gives a row's key: the normal form of these columns together."""
    at = [places[name] for name in fields if name in places]
    if len(at) == 1:
        only = at[0]
        return lambda row: key_of(row[only])

    def key(row: Row) -> str:
        parts = [key_of(row[place]) for place in at]
        return "/".join(parts) if all(parts) else ""

    return key
