"""Tier 1: from the province to city bureaus and, in the capital city, directly to banks."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import numpy as np

from services.allocation.domain.engine.allocating import Certificate
from services.allocation.domain.engine.problem import Ints, halves, unit_vectors
from services.allocation.domain.engine.scoring import lottery_keys, measure
from services.allocation.domain.model import Enterprise, NodeKind, Outlet


class TierReason(StrEnum):
    """Why an enterprise went where it went in tier 1.

    `OWN_CITY_CROWDED`: neither the banks of its city nor those of the capital have room for all of
    the city's list; tier 2 finds and explains who is left over.
    """

    OWN_CITY = "own_city"
    CAPITAL_DIRECT = "capital_direct"
    BUREAU_FULL = "bureau_full"
    OWN_CITY_CROWDED = "own_city_crowded"


@dataclass(frozen=True, slots=True)
class TierOne:
    """Where tier 1 sends an enterprise: `city_code` names the bureau, or the capital's banks.

    `metres_to_capital` is known for those sent to another city than their own.
    """

    enterprise_id: UUID
    node_kind: NodeKind
    city_code: str
    reason: TierReason
    metres_to_capital: int | None = None


def share_out(
    enterprises: Iterable[Enterprise],
    *,
    capacity: Mapping[str, int],
    capital_city_code: str | None,
    capital_outlets: Iterable[Outlet],
    seed: int,
) -> tuple[TierOne, ...]:
    """Each enterprise to the bureau of its own city; the capital's directly to banks there.

    `capacity` is what the banks of each city can take. Where a city has more enterprises, the
    surplus goes to banks of the capital as far as these have room after their own city: those
    nearest to a staffed capital outlet, the lottery deciding between equals. What nobody has room
    for stays with its own bureau, and tier 2 explains it. No capital: everybody stays.

    Units:   enterprises; metres.
    Source:  rule JS-06; features A1, A2.
    """
    rows = tuple(sorted(enterprises, key=lambda one: one.enterprise_id.int))
    moved: dict[int, int] = {}
    surplus: dict[str, int] = {}
    if capital_city_code is not None:
        surplus = _surplus(rows, capacity, capital_city_code)
        room = -surplus.pop(capital_city_code)
        moved = _nearest_to_capital(rows, surplus, room, tuple(capital_outlets), seed)
    crowded = {city for city, left in surplus.items() if left > 0}
    return tuple(
        _decision(one, moved.get(row), capital_city_code, crowded=one.city_code in crowded)
        for row, one in enumerate(rows)
    )


def certify(
    enterprises: Iterable[Enterprise],
    decisions: Iterable[TierOne],
    *,
    capacity: Mapping[str, int],
    capital_city_code: str | None,
    capital_outlets: Iterable[Outlet],
    seed: int,
) -> Certificate:
    """What the ways of those who left cost, and what as many of any others would cost at least.

    From the list, the room and the decisions alone: it does not know how these were found. The
    bound is docs/plan-file.md's; violations are those who would be nearer, or left without need.

    Units:   metres << 64 with the lottery number below.
    Source:  rule JS-06; feature U8.
    """
    rows, staffed = tuple(enterprises), _staffed(capital_outlets)
    ways = {one.enterprise_id: one.metres_to_capital for one in decisions}
    gone = [one for one in rows if ways[one.enterprise_id] is not None]
    if capital_city_code is None or not staffed:
        return Certificate(0, 0, len(gone))
    left = _surplus(rows, capacity, capital_city_code)
    room = max(-left.pop(capital_city_code), 0)
    over = {city: size for city, size in left.items() if size > 0}
    number = _numbers(rows, seed)
    metres = _metres_to(rows, staffed).tolist()
    dear = {one: (way << 64) + number[one] for one, way in zip(number, metres, strict=True)}
    count = Counter(one.city_code for one in gone)
    last = dict.fromkeys(over, 0)
    for one in gone:
        last[one.city_code] = max(last.get(one.city_code, 0), dear[one.enterprise_id])
    most = max((last[city] for city in over), default=0)
    relief = {city: most - last[city] if count[city] == over[city] else 0 for city in over}
    more = {
        one.enterprise_id: dear[one.enterprise_id] - most + relief[one.city_code]
        for one in rows
        if one.city_code in over
    }
    bound = most * min(room, sum(over.values())) + sum(min(0, one) for one in more.values())
    bound -= sum(relief[city] * size for city, size in over.items())
    ids = [one.enterprise_id for one in gone]
    cost = sum(((ways[one] or 0) << 64) + number[one] for one in ids)
    nearer = sum(ways[one] is None and extra < 0 for one, extra in more.items())
    needless = sum(max(size - over.get(city, 0), 0) for city, size in count.items())
    return Certificate(cost, bound, nearer + needless)


def _numbers(rows: tuple[Enterprise, ...], seed: int) -> dict[UUID, int]:
    """The lottery number of each, in the order of the rows."""
    ids = [one.enterprise_id for one in rows]
    return dict(zip(ids, lottery_keys(halves(ids), seed).tolist(), strict=True))


def _surplus(
    rows: tuple[Enterprise, ...], capacity: Mapping[str, int], capital: str
) -> dict[str, int]:
    listed: dict[str, int] = {capital: 0}
    for one in rows:
        listed[one.city_code] = listed.get(one.city_code, 0) + 1
    return {city: count - capacity.get(city, 0) for city, count in listed.items()}


def _nearest_to_capital(
    rows: tuple[Enterprise, ...],
    surplus: dict[str, int],
    room: int,
    outlets: tuple[Outlet, ...],
    seed: int,
) -> dict[int, int]:
    """Rows that move, with their metres. Reduces `surplus` by those that moved.

    Taking the nearest first is exact: the limits (per city, and in all) form a matroid.
    """
    candidates = [row for row, one in enumerate(rows) if surplus.get(one.city_code, 0) > 0]
    staffed = _staffed(outlets)
    if not candidates or room <= 0 or not staffed:
        return {}
    chosen = tuple(rows[row] for row in candidates)
    metres = _metres_to(chosen, staffed)
    lottery = lottery_keys(halves(one.enterprise_id for one in chosen), seed)
    moved: dict[int, int] = {}
    order: list[int] = np.lexsort((lottery, metres)).tolist()
    for at in order:
        city = chosen[at].city_code
        if len(moved) < room and surplus[city] > 0:
            surplus[city] -= 1
            moved[candidates[at]] = int(metres[at])
    return moved


def _staffed(outlets: Iterable[Outlet]) -> tuple[Outlet, ...]:
    staffed = (one for one in outlets if one.officers > 0)
    return tuple(sorted(staffed, key=lambda one: one.outlet_id.int))


def _metres_to(chosen: tuple[Enterprise, ...], outlets: tuple[Outlet, ...]) -> Ints:
    """From each enterprise to the nearest of the outlets."""
    firms, desks = (
        unit_vectors(np.array([(one.longitude_e6, one.latitude_e6) for one in placed]))
        for placed in (chosen, outlets)
    )
    together = np.array([0, len(outlets)], dtype=np.int64)
    metres, _ = measure(firms, desks, together, np.arange(len(outlets)))
    return metres[:, 0].astype(np.int64)


def _decision(
    one: Enterprise, metres: int | None, capital: str | None, *, crowded: bool
) -> TierOne:
    if metres is not None and capital is not None:
        return TierOne(
            one.enterprise_id,
            NodeKind.INSTITUTION,
            capital,
            TierReason.BUREAU_FULL,
            metres,
        )
    if one.city_code == capital:
        return TierOne(
            one.enterprise_id,
            NodeKind.INSTITUTION,
            one.city_code,
            TierReason.CAPITAL_DIRECT,
        )
    reason = TierReason.OWN_CITY_CROWDED if crowded else TierReason.OWN_CITY
    return TierOne(one.enterprise_id, NodeKind.BUREAU, one.city_code, reason)
