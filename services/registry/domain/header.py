"""Find the header of a sheet: below title rows, over one row or two, columns in any order."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from services.registry.domain.cells import Cell
from services.registry.domain.columns import FORMS
from services.registry.domain.records import Kind

# Title → field, and how sure that is; the field is empty where a column is to be left out.
Known = Mapping[str, tuple[str, int]]
SYNONYM, OWN_NAME, SAID = range(3)
SEARCHED_ROWS: Final = 30
_ASIDE: Final = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|[*:\s]")


@dataclass(frozen=True, slots=True)
class Header:
    """Where the columns stand: field → column number from 0; data begin at `first` (from 0)."""

    places: dict[str, int]
    titles: dict[str, str]
    first: int
    found: tuple[str, ...]
    width: int


def find_header(
    kind: Kind, rows: Sequence[Sequence[Cell]], named: Mapping[str, str] | None = None
) -> Header:
    """Return the header that names most of the kind's columns; the first, where several do.

    `named` is what a clerk said: title → field, or an empty text for "leave it out". It goes before
    what titles say by themselves.

    Units:   none.
    Raises:  nothing: where no row names a column, `places` is empty.
    Source:  JS-04.
    """
    known = _known(kind) | {bare(title): (field, SAID) for title, field in (named or {}).items()}
    best = Header({}, {}, 0, (), 0)
    searched = rows[:SEARCHED_ROWS]
    for at, row in enumerate(searched):
        tries = [(_titles(row), at + 1)]
        if at + 1 < len(searched):
            tries.append((_joined(known, row, searched[at + 1]), at + 2))
        for titles, first in tries:
            header = _read(known, titles, first)
            # A second row must earn its place, or the first data row would be eaten.
            if len(header.places) > len(best.places):
                best = header
    return best if best.places else _likely(known, searched)


def _likely(known: Known, rows: Sequence[Sequence[Cell]]) -> Header:
    """Return what a person would take for the header, though it names no column of the kind."""
    fullest = max(rows, key=lambda row: sum(1 for title in _titles(row) if title), default=())
    return _read(known, _titles(fullest), 0)


def _titles(row: Sequence[Cell]) -> list[str]:
    return [cell if isinstance(cell, str) else "" for cell in row]


def _joined(known: Known, upper: Sequence[Cell], lower: Sequence[Cell]) -> list[str]:
    titles: list[str] = []
    group = ""
    for above, below in zip(_titles(upper), _titles(lower), strict=False):
        group = above or group
        tries = (below, group + below, below + group, above) if below else (above,)
        titles.append(next((each for each in tries if bare(each) in known), below or above))
    return titles


def _read(known: Known, titles: Sequence[str], first: int) -> Header:
    places: dict[str, int] = {}
    named: dict[str, str] = {}
    sure: dict[str, int] = {}
    for at, title in enumerate(titles):
        field, rank = known.get(bare(title), ("", SYNONYM))
        # The surest counts, of equally sure ones the first.
        if field and rank > sure.get(field, -1):
            places[field], named[field], sure[field] = at, "".join(title.split()), rank
    found = tuple("".join(title.split()) for title in titles if title.strip())
    return Header(places, named, first, found, len(titles))


@cache
def _known(kind: Kind) -> dict[str, tuple[str, int]]:
    names: dict[str, tuple[str, int]] = {}
    for column in FORMS[kind].columns:
        names[column.title] = (column.field, OWN_NAME)
    for column in FORMS[kind].columns:
        for synonym in column.synonyms:
            names.setdefault(synonym, (column.field, SYNONYM))
    return names


def bare(title: str) -> str:
    """Return a title without width, spaces, units in brackets and marks."""
    return _ASIDE.sub("", unicodedata.normalize("NFKC", title)).lower()
