"""Rotation: unmatched enterprises go to another bank, never to one that has had them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from services.allocation.domain.cost import CostWeights, city_costs
from services.allocation.domain.model import Enterprise, InstitutionInCity, Outlet
from services.allocation.domain.splitting import FairnessBands, Split, split_city


@dataclass(frozen=True, slots=True)
class RotationRules:
    """`max_rounds` institutions in turn, the first one included; a repeated type costs more."""

    max_rounds: int = 3
    same_type_m: int = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Rotation:
    """A city's rotation: the new sharing-out, and those who have had all their rounds."""

    split: Split
    exhausted_ids: tuple[UUID, ...]


def rotate_city(
    unmatched: Iterable[Enterprise],
    institutions: Iterable[InstitutionInCity],
    outlets: Iterable[Outlet],
    *,
    carried: Mapping[UUID, int],
    types: Mapping[UUID, str],
    rules: RotationRules,
    weights: CostWeights,
    bands: FairnessBands,
    seed: int,
) -> Rotation:
    """Give each unmatched enterprise to an institution that has not had it in this campaign.

    `Enterprise.previous_ids` are those that have. Another type than theirs is preferred: the same
    one costs `rules.same_type_m` more. Matched enterprises stay where they are: `carried` counts
    them by institution, and takes their places off its capacity. Who has had `rules.max_rounds`
    institutions gets no further one; who finds no admissible bank is explained as a shortage.

    Units:   metre-equivalents; enterprises.
    Source:  rule JS-19; feature A7.
    """
    everybody = sorted(unmatched, key=lambda one: one.enterprise_id.int)
    going = [one for one in everybody if rounds_of(one) < rules.max_rounds]
    costs = city_costs(
        going,
        institutions,
        outlets,
        weights=weights,
        seed=seed,
        same_type_m=rules.same_type_m,
        types=types,
    )
    done = tuple(one.enterprise_id for one in everybody if rounds_of(one) >= rules.max_rounds)
    return Rotation(split_city(costs, bands, carried=carried), done)


def rounds_of(enterprise: Enterprise) -> int:
    """How many institutions have had the enterprise in this campaign.

    Units:   institutions.
    Source:  rule JS-19.
    """
    return len(frozenset(enterprise.previous_ids))
