"""What a receiver can take: from its outlets, its people, their ability and what is declared."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from uuid import UUID

from services.allocation.domain.model import NodeKind, Outlet, Receiver, node_id_of

BP = 10_000
OUTLET_SLACK_BP = 3_000
NOTHING: Mapping[UUID, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class CapacityRules:
    """`per_officer` enterprises where an outlet declares nothing, with `headroom_bp` of slack.

    `ability_bp` by type of institution: what its officers are worth beside the usual 10,000.
    """

    per_officer: int = 20
    headroom_bp: int = 1_500
    ability_bp: dict[str, int] = field(default_factory=dict[str, int])


def receivers(
    outlets: Iterable[Outlet],
    types: Mapping[UUID, str],
    *,
    listed: int,
    rules: CapacityRules,
    to: NodeKind = NodeKind.INSTITUTION,
    declared: Mapping[UUID, int] = NOTHING,
) -> tuple[Receiver, ...]:
    """Who may be given the `listed` enterprises, and how many each can take.

    An outlet takes what it declares. Those that declare nothing take `per_officer` for each
    officer, by ability, or, where that is too little for the list and the headroom, their part of
    what is wanting: the whole list has to be visited. Nobody without an officer takes anything.
    What was `declared` for a receiver goes before all this.

    Units:   enterprises.
    Source:  rules JS-06, JS-07 (outlets, headcount, service capacity), JS-11; feature A2.
    """
    parts = _parts(outlets, to)
    weights = {
        node: part.undeclared * _ability(part.first, types, rules) for node, part in parts.items()
    }
    promised = sum(part.promised for part in parts.values())
    wanted = -(-listed * (BP + rules.headroom_bp) // BP) - promised
    people = sum(weights.values())

    def capacity(node: UUID, part: _Part) -> tuple[int, str]:
        if node in declared:
            return declared[node], "set"
        own = weights[node]
        share = -(-wanted * own // people) if own else 0
        staff = own * rules.per_officer // BP
        source = "declared" if not part.undeclared else "share" if share > staff else "staff"
        return part.promised + max(staff, share), source

    return tuple(
        Receiver(
            node, part.first.institution_id, part.first.city_code,
            types.get(part.first.institution_id, "other"), size, part.officers, source,
            part.outlets, part.promised, _ability(part.first, types, rules),
            part.first.outlet_id if to is NodeKind.OUTLET else None,
        )
        for node, part in sorted(parts.items(), key=lambda one: one[0].int)
        for size, source in (capacity(node, part),)
    )  # fmt: skip


@dataclass(slots=True)
class _Part:
    """A receiver's staffed outlets together."""

    first: Outlet
    outlets: int = 0
    officers: int = 0
    undeclared: int = 0
    promised: int = 0


def _parts(outlets: Iterable[Outlet], to: NodeKind) -> dict[UUID, _Part]:
    parts: dict[UUID, _Part] = {}
    for outlet in outlets:
        if outlet.officers > 0:
            part = parts.setdefault(node_id_of(outlet, to), _Part(outlet))
            part.outlets += 1
            part.officers += outlet.officers
            if outlet.service_capacity is None:
                part.undeclared += outlet.officers
            else:
                part.promised += max(outlet.service_capacity, 0)
    return parts


def _ability(outlet: Outlet, types: Mapping[UUID, str], rules: CapacityRules) -> int:
    return rules.ability_bp.get(types.get(outlet.institution_id, "other"), BP)


def outlet_rooms(outlets: Iterable[Outlet], banks: Iterable[Receiver]) -> dict[UUID, int]:
    """What each staffed outlet can take, where outlets have limits of their own.

    What it declares; else its officers' part of what its institution takes beyond all that is
    declared, with slack, so that the institution may fill up where its enterprises are.

    Units:   enterprises.
    Source:  rules JS-06, JS-07; feature A2.
    """
    staffed = [one for one in outlets if one.officers > 0]
    people = Counter[UUID]()
    for one in staffed:
        if one.service_capacity is None:
            people[one.institution_id] += one.officers
    rest = {one.institution_id: max(one.capacity - one.declared, 0) for one in banks}
    return {
        one.outlet_id: max(one.service_capacity, 0)
        if one.service_capacity is not None
        else -(
            -rest.get(one.institution_id, 0)
            * one.officers
            * (BP + OUTLET_SLACK_BP)
            // (BP * people[one.institution_id])
        )
        for one in staffed
    }
