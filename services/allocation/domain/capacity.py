"""What an institution can take in a city: from its outlets, its people and what it declares."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from services.allocation.domain.model import InstitutionInCity, Outlet

BP = 10_000


@dataclass(frozen=True, slots=True)
class CapacityRules:
    """`per_officer` enterprises where an outlet declares nothing, with `headroom_bp` of slack."""

    per_officer: int = 20
    headroom_bp: int = 1_500


def institutions_in_city(
    outlets: Iterable[Outlet],
    types: Mapping[UUID, str],
    *,
    city_code: str,
    listed: int,
    rules: CapacityRules,
) -> tuple[InstitutionInCity, ...]:
    """The institutions present in a city with the number of enterprises each can take.

    An outlet takes what it declares. Those that declare nothing take `per_officer` for each
    officer or, where that is too little for the `listed` enterprises and the headroom, their
    officers' share of what is wanting: the whole list has to be visited. Nobody without an
    officer takes anything.

    Units:   enterprises.
    Source:  rules JS-06, JS-07 (outlets, headcount, service capacity), JS-11; feature A2.
    """
    here = [one for one in outlets if one.city_code == city_code and one.officers > 0]
    declared: Counter[UUID] = Counter()
    undeclared: Counter[UUID] = Counter()
    officers: Counter[UUID] = Counter()
    for outlet in here:
        officers[outlet.institution_id] += outlet.officers
        if outlet.service_capacity is None:
            undeclared[outlet.institution_id] += outlet.officers
        else:
            declared[outlet.institution_id] += max(outlet.service_capacity, 0)
    wanted = -(-listed * (BP + rules.headroom_bp) // BP) - declared.total()
    people = undeclared.total()

    def capacity(institution_id: UUID) -> int:
        own = undeclared[institution_id]
        share = -(-wanted * own // people) if own else 0
        return declared[institution_id] + max(own * rules.per_officer, share)

    return tuple(
        InstitutionInCity(one, city_code, types.get(one, "other"), capacity(one), officers[one])
        for one in sorted(officers, key=lambda key: key.int)
    )
