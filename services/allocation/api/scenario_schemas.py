"""The JSON of what-ifs."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from services.allocation.api.schemas import Text
from services.allocation.domain.engine.comparing import PriceOfPolicy
from services.allocation.domain.scenarios import Changes, measures_of
from services.allocation.store.scenarios import Scenario
from services.allocation.usecases.scenarios import Tried
from shared.platform.web import In, Out

Metres = Annotated[int, Field(ge=0, le=200_000, strict=True)]
Band = Annotated[int, Field(ge=-1, le=10_000, strict=True)]
CityCode = Annotated[str, Field(pattern=r"^\d{4}00$")]


class CapacityIn(In):
    """How many enterprises an institution could take in a city."""

    city_code: CityCode
    institution_id: UUID
    capacity: Annotated[int, Field(ge=0, le=1_000_000, strict=True)]


class ChangesIn(In):
    """What is tried; what is not given stays as it is. A band of -1: no band."""

    no_relation_m: Metres | None = None
    same_type_m: Metres | None = None
    stick_m: Metres | None = None
    remote_m: Metres | None = None
    band_step_m: Metres | None = None
    total_bp: Band | None = None
    hard_bp: Band | None = None
    capacities: Annotated[tuple[CapacityIn, ...], Field(max_length=2_000)] = ()

    def changes(self) -> Changes:
        """The changes as the rules take them."""
        capacities: dict[str, dict[UUID, int]] = {}
        for one in self.capacities:
            capacities.setdefault(one.city_code, {})[one.institution_id] = one.capacity
        named = self.model_dump(exclude={"capacities"})
        return Changes(**named, capacities=capacities)


class ScenarioIn(In):
    """A what-if on one city of the plan in force, or on all."""

    name: Annotated[Text, Field(max_length=100)]
    city_code: CityCode | None = None
    changes: ChangesIn


class ScenarioLoadOut(Out):
    """An institution in a city: what it has now and would have; one slot more saves `price_m`."""

    city_code: str
    institution_id: UUID
    capacity: int
    now: int
    then: int
    hard_now: int
    hard_then: int
    price_m: int


class ScenarioOut(Out):
    """A scenario beside the plan in force; `now` and `then` by the scenario's weights."""

    scenario_id: UUID
    campaign_id: UUID
    plan_id: UUID
    name: str
    city_code: str | None
    changes: dict[str, object]
    now: dict[str, int]
    then: dict[str, int]
    moved: int
    load: list[ScenarioLoadOut]
    created_at: datetime

    @classmethod
    def of(cls, scenario: Scenario) -> "ScenarioOut":
        """From the scenario."""
        return cls(
            scenario_id=scenario.scenario_id,
            campaign_id=scenario.campaign_id,
            plan_id=scenario.plan_id,
            name=scenario.name,
            city_code=scenario.city_code,
            changes={k: v for k, v in asdict(scenario.changes).items() if v not in (None, {})},
            now=scenario.now,
            then=scenario.then,
            moved=scenario.moved,
            load=[ScenarioLoadOut.model_validate(one) for one in scenario.load],
            created_at=scenario.created_at,
        )


class WhatIfOut(Out):
    """What another policy would do, beside the plan in force; kept nowhere.

    `moves` are the first of those who would go elsewhere, `moved` counts all.
    """

    plan_id: UUID
    city_code: str | None
    now: dict[str, int]
    then: dict[str, int]
    moved: int
    load: list[ScenarioLoadOut]
    moves: list["MoveOut"]

    @classmethod
    def of(cls, tried: Tried, most_moves: int) -> "WhatIfOut":
        """From what was tried."""
        outcome = tried.outcome
        return cls(
            plan_id=tried.plan_id,
            city_code=tried.command.city_code,
            now=measures_of(outcome.now),
            then=measures_of(outcome.then),
            moved=len(outcome.moves),
            load=[ScenarioLoadOut.model_validate(one) for one in outcome.load],
            moves=[MoveOut.model_validate(one) for one in outcome.moves[:most_moves]],
        )


class ScenarioPage(Out):
    """Scenarios, newest first."""

    items: list[ScenarioOut]
    next_cursor: str | None = None


class MoveOut(Out):
    """An enterprise that would go elsewhere, with the metres to both; null: no bank."""

    enterprise_id: UUID
    city_code: str
    from_id: UUID | None
    to_id: UUID | None
    from_m: int | None
    to_m: int | None


class MovePage(Out):
    """Whom a scenario would move."""

    items: list[MoveOut]
    next_cursor: str | None


class PolicyPriceOut(Out):
    """All cities solved without a part of the policy; `saved_m` is what that part costs now."""

    part: str
    cost_m: int
    travelled_m: int
    saved_m: int


class PolicyPrices(Out):
    """What each part of the policy costs; `none` is the whole policy."""

    items: list[PolicyPriceOut]

    @classmethod
    def of(cls, prices: tuple[PriceOfPolicy, ...]) -> "PolicyPrices":
        """From the sums."""
        whole = next((one.cost_m for one in prices if one.part == "none"), 0)
        return cls(
            items=[PolicyPriceOut(**asdict(one), saved_m=whole - one.cost_m) for one in prices]
        )
