"""Tier 1: from the province to city bureaus and, in the capital city, directly to banks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import numpy as np

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
    staffed = tuple(
        sorted(
            (one for one in outlets if one.officers > 0),
            key=lambda one: one.outlet_id.int,
        )
    )
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
