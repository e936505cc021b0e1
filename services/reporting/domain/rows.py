"""What the fold works with: signed rows, cells, and what is booked at a node."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

#: (kind, institution, outlet, county, day) → (n, fen). No outlet: the institution; neither: all.
Key = tuple[int, bytes | None, bytes | None, int, int]
Cells = dict[Key, tuple[int, int]]


class Row(NamedTuple):
    """A signed row: from `known_us` on, this much more (or less) counts."""

    known_us: int
    kind: int
    institution: bytes | None
    outlet: bytes | None
    county: int
    day: int
    n: int
    fen: int
    cause: int


#: Millions are made: this is a third of the cost of calling the class.
row_of: Final[Callable[[tuple[object, ...]], Row]] = partial(tuple.__new__, Row)


class Booked(NamedTuple):
    """Something dated at a node: a visit, a line, a drawdown, a repayment."""

    day: int
    institution: bytes | None
    outlet: bytes | None
    fen: int
    parent: bytes | None
