"""Distinct counts as sums: presence at the leaves, and overlap rows above them.

An enterprise that is present at three outlets of one institution is one there, and one in the
total. So each outlet gets a row +1, and the node above gets 1 − (children where it is present).
The sum over a node's subtree is then the distinct count, rolled up exactly as money is.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

#: A signed change on a day: (day, ±n). In order of day, one step a day, never 0.
Steps = list[tuple[int, int]]
#: An outlet of an institution; None in the second place is the institution itself.
Leaf = tuple[bytes | None, bytes | None]

ROOT: Leaf = (None, None)


def merge(children: Iterable[Steps]) -> tuple[Steps, Steps]:
    """The overlap steps of a node and its own presence, from the presence of its children.

    Units:   ordinal days; presence counts 0 or 1 per child.
    Raises:  nothing.
    Source:  ST-01.
    """
    changes = sorted(step for steps in children for step in steps)
    overlap: Steps = []
    own: Steps = []
    present = 0
    for day, group in groupby(changes, key=lambda step: step[0]):
        was, present = present, present + sum(n for _, n in group)
        hidden = max(was - 1, 0) - max(present - 1, 0)
        if hidden:
            overlap.append((day, hidden))
        if (was > 0) != (present > 0):
            own.append((day, 1 if present > 0 else -1))
    return overlap, own


def distinct(leaves: dict[Leaf, Steps]) -> list[tuple[Leaf, Steps]]:
    """The signed steps of every node that has any: leaves, institutions, then the root.

    Units:   ordinal days; ±1.
    Raises:  nothing.
    Source:  ST-01.
    """
    nodes = list(leaves.items())
    if len(nodes) < 2:
        return nodes
    by_institution: dict[bytes | None, list[Steps]] = {}
    for (institution, _), steps in leaves.items():
        by_institution.setdefault(institution, []).append(steps)
    tops: list[Steps] = []
    for institution, children in by_institution.items():
        if len(children) == 1:
            tops.append(children[0])
            continue
        overlap, own = merge(children)
        nodes.append(((institution, None), overlap))
        tops.append(own)
    if len(tops) > 1:
        nodes.append((ROOT, merge(tops)[0]))
    return nodes


def union(spans: Iterable[tuple[int, int | None]]) -> Steps:
    """The presence that several spans give together; a span ends before its second day.

    Units:   ordinal days; None is open.
    Raises:  nothing.
    Source:  JS-07, JS-19.
    """
    steps: list[Steps] = []
    for start, end in spans:
        if end is None:
            steps.append([(start, 1)])
        elif end > start:
            steps.append([(start, 1), (end, -1)])
    return steps[0] if len(steps) == 1 else merge(steps)[1]
