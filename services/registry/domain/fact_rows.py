"""Check one row of a sheet of facts: what enterprises filed for a day, beside what lists say."""

from collections.abc import Callable
from datetime import date
from typing import Any, Final

import msgspec

from services.registry.domain.cells import (
    Cell,
    count_of,
    date_of,
    flag_of,
    key_of,
    text_of,
    uscc_of,
)
from services.registry.domain.columns import FORMS
from services.registry.domain.enterprises import amount_of
from services.registry.domain.facts import CATALOGUE, FactType, read_values
from services.registry.domain.header import Header
from services.registry.domain.records import FactRow
from services.registry.domain.rows import Checked, Checker, Refusing, Row, digest_of, key_in
from shared.kernel.errors import BadInput
from shared.kernel.ids import derived_id

_BLANK: Final = object()
_NONE: Final = ("无", "没有")


def facts_checker(header: Header) -> Checker:
    """Return the checker of a sheet of facts with this header; a blank cell states nothing."""
    read = Refusing(header, FORMS["facts"])
    readers = {
        name: _reader(each, header.titles[name])
        for name, each in CATALOGUE.items()
        if name in header.places
    }

    def check(number: int, row: Row) -> Checked:
        read.begin(row)
        uscc = read.read("uscc", uscc_of, "")
        said = {name: read.read(name, reader, _BLANK) for name, reader in readers.items()}
        facts = {name: value for name, value in said.items() if value is not _BLANK}
        if rejected := read.rejected(number, uscc or key_of(read.cell("uscc"))):
            return rejected
        if not facts:
            read.refuse("uscc", "facts.empty")
        try:
            read_values(msgspec.to_builtins(facts))
        except BadInput as wrong:
            read.refuse("rd_staff", wrong.code)
        if rejected := read.rejected(number, uscc):
            return rejected
        return FactRow(
            row=number,
            key=uscc,
            digest=digest_of(*sorted(facts.items())),
            enterprise_id=derived_id("enterprise", uscc),
            facts=msgspec.json.encode(facts).decode(),
        )

    return Checker("facts", key_in(header.places, "uscc"), check)


def _reader(fact: FactType, title: str) -> Callable[[Cell], Any]:
    plain: Callable[[Cell], int | bool | date | None]
    match fact.kind:
        case "fen":
            plain = amount_of(title)
        case "flag":
            plain = flag_of
        case "date":
            plain = date_of
        case _:
            plain = count_of

    def read(cell: Cell) -> Any:
        if fact.nullable and text_of(cell) in _NONE:
            return None
        value = plain(cell)
        return _BLANK if value is None else value

    return read
