"""What an institution can take in a city: from its outlets, its people and what it declares."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from services.allocation.domain.model import InstitutionInCity, Outlet

BP = 10_000
NOTHING: Mapping[UUID, int] = MappingProxyType({})


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
    declared: Mapping[UUID, int] = NOTHING,
) -> tuple[InstitutionInCity, ...]:
    """The institutions present in a city with the number of enterprises each can take.

    An outlet takes what it declares. Those that declare nothing take `per_officer` for each
    officer or, where that is too little for the `listed` enterprises and the headroom, their
    officers' share of what is wanting: the whole list has to be visited. Nobody without an
    officer takes anything. What the bureau has `declared` for an institution goes before all this.

    Units:   enterprises.
    Source:  rules JS-06, JS-07 (outlets, headcount, service capacity), JS-11; feature A2.
    """
    here = [one for one in outlets if one.city_code == city_code and one.officers > 0]
    promised: Counter[UUID] = Counter()
    undeclared: Counter[UUID] = Counter()
    officers: Counter[UUID] = Counter()
    for outlet in here:
        officers[outlet.institution_id] += outlet.officers
        if outlet.service_capacity is None:
            undeclared[outlet.institution_id] += outlet.officers
        else:
            promised[outlet.institution_id] += max(outlet.service_capacity, 0)
    wanted = -(-listed * (BP + rules.headroom_bp) // BP) - promised.total()
    people = undeclared.total()

    def capacity(one: UUID) -> tuple[int, str]:
        own = undeclared[one]
        if one in declared:
            return declared[one], "set"
        share = -(-wanted * own // people) if own else 0
        staff = own * rules.per_officer
        source = "declared" if not own else "share" if share > staff else "staff"
        return promised[one] + max(staff, share), source

    return tuple(
        InstitutionInCity(one, city_code, types.get(one, "other"), size, officers[one], source)
        for one in sorted(officers, key=lambda key: key.int)
        for size, source in (capacity(one),)
    )
