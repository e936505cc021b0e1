"""Builders of small synthetic cities. Every draw comes from the given seed."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from services.allocation.domain.capacity import CapacityRules
from services.allocation.domain.model import Enterprise, Outlet, Receiver
from services.allocation.domain.policy import CostWeights, FairnessBands
from services.allocation.domain.tasks import CityTask

CITY = "320500"
TYPES = ("state", "joint_stock", "city_commercial", "rural_commercial")


def an_id(kind: str, number: int) -> UUID:
    return uuid5(NAMESPACE_URL, f"{kind}-{number}")


@dataclass(frozen=True, slots=True)
class City:
    """A city's list, its banks and their outlets."""

    enterprises: tuple[Enterprise, ...]
    institutions: tuple[Receiver, ...]
    outlets: tuple[Outlet, ...]

    @property
    def types(self) -> dict[UUID, str]:
        return {one.institution_id: one.institution_type for one in self.institutions}

    def task(self, *, seed: int = 7, **fields: Any) -> CityTask:
        """The city's part of a plan, with the made capacities as the declared ones."""
        declared = {one.institution_id: one.capacity for one in self.institutions}
        usual = {
            "enterprises": self.enterprises, "types": self.types, "capacity": CapacityRules(),
            "weights": CostWeights(), "bands": FairnessBands(), "declared": declared,
            "outlets": tuple(one for one in self.outlets if one.institution_id in declared),
        }  # fmt: skip
        return CityTask(city_code=CITY, seed=seed, **(usual | fields))

    def shuffled(self, seed: int) -> "City":
        rng = Random(seed)
        return City(
            tuple(rng.sample(self.enterprises, len(self.enterprises))),
            tuple(rng.sample(self.institutions, len(self.institutions))),
            tuple(rng.sample(self.outlets, len(self.outlets))),
        )

    def with_capacities(self, capacities: Iterable[int]) -> "City":
        return replace(
            self,
            institutions=tuple(
                replace(one, capacity=number)
                for one, number in zip(self.institutions, capacities, strict=True)
            ),
        )


def a_city(
    *, enterprises: int, banks: int, tightness: float = 1.15, seed: int = 1, parks: int = 6
) -> City:
    """Enterprises packed in parks (many share one point), banks with one to four outlets."""
    rng = Random(seed)
    spots = [(120_600_000 + _around(rng), 31_300_000 + _around(rng)) for _ in range(parks)]
    ids = [an_id("bank", number) for number in range(banks)]
    outlets = [
        Outlet(
            an_id("outlet", 10 * bank + number),
            ids[bank],
            CITY,
            120_600_000 + _around(rng),
            31_300_000 + _around(rng),
            officers=rng.randint(1, 5),
        )
        for bank in range(banks)
        for number in range(rng.randint(1, 4))
    ]
    weights = [rng.randint(1, 9) for _ in range(banks)]
    slots = -(-int(enterprises * tightness * 100) // 100)
    institutions = tuple(
        Receiver(
            ids[bank],
            ids[bank],
            CITY,
            TYPES[bank % 4],
            -(-slots * weights[bank] // sum(weights)),
            3,
        )
        for bank in range(banks)
    )
    listed = tuple(_enterprise(rng, number, spots, ids) for number in range(enterprises))
    return City(listed, institutions, tuple(outlets))


def _around(rng: Random) -> int:
    return rng.randint(-200_000, 200_000)


def _enterprise(
    rng: Random, number: int, spots: list[tuple[int, int]], banks: list[UUID]
) -> Enterprise:
    longitude, latitude = rng.choice(spots)
    if rng.random() < 0.7:
        longitude, latitude = longitude + _around(rng) // 20, latitude + _around(rng) // 20
    loan = rng.random() < 0.4
    lenders = frozenset(rng.sample(banks, 1)) if loan and banks else frozenset[UUID]()
    return Enterprise(
        an_id("enterprise", number),
        CITY,
        "320505",
        longitude,
        latitude,
        has_loan=loan,
        lender_ids=lenders,
    )
