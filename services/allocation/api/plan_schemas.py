"""The JSON of plans: what is asked, how far it is, and why each enterprise goes where it goes."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from services.allocation.api.schemas import Day
from services.allocation.domain.engine.problem import BP
from services.allocation.domain.model import NodeKind
from services.allocation.domain.planning import LoadRow, Shortage
from services.allocation.domain.tasks import Form
from services.allocation.domain.wording import reason_in_words
from services.allocation.store.parts import CityRow, RowOfPlan
from services.allocation.store.plans import StoredPlan
from services.allocation.usecases.planning import Started
from services.allocation.usecases.publishing import Publishing
from services.allocation.usecases.reading import PlanView, Replay
from shared.platform.web import In, Out

LARGEST_SEED = 2**63 - 1
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED, strict=True)]
Tier = Annotated[int, Field(ge=1, le=9, strict=True)]


class PlanIn(In):
    """A plan to solve: the same tier, seed and facts give the same plan.

    `joint`: each outlet has a limit of its own, and everybody gets a seat at one.
    """

    tier: Tier
    seed: Seed
    form: Form = "kernel"


class RotationIn(In):
    """A round of rotation to solve."""

    rotated_on: Day
    seed: Seed


class StartedOut(Out):
    """Long work was started: ask for the plan or the job."""

    plan_id: UUID
    job_id: UUID
    version: int | None = None

    @classmethod
    def of(cls, started: Started | Publishing) -> "StartedOut":
        """From what a use case answers."""
        return cls(
            plan_id=started.plan_id,
            job_id=started.job_id,
            version=started.version if isinstance(started, Started) else None,
        )


class LoadOut(Out):
    """One receiver's part; `fill` and `deviation` are ratios (1.0 = full, 0.05 = 5 % above).

    One slot more there would save the city `price_m`, one fewer would cost it `fewer_m`. Capacity
    was made of `officers` at `outlets`, worth `ability` each, and of what these have `declared`.
    """

    city_code: str
    bureau_code: str | None
    institution_id: UUID | None
    capacity: int
    carried: int
    quota: int
    assigned: int
    hard: int
    fill: float
    deviation: float
    mean_m: int
    price_m: int
    fewer_m: int
    floor: int
    ceiling: int
    officers: int
    capacity_source: str
    outlet_id: UUID | None
    outlets: int
    declared: int
    ability: float

    @classmethod
    def of(cls, load: LoadRow) -> "LoadOut":
        """From the load report."""
        return cls(
            city_code=load.city_code,
            bureau_code=load.bureau_code,
            institution_id=load.institution_id,
            capacity=load.capacity,
            carried=load.carried,
            quota=load.quota,
            assigned=load.assigned,
            hard=load.hard,
            fill=load.fill_bp / BP,
            deviation=load.deviation_bp / BP,
            mean_m=load.mean_m,
            price_m=load.price_m,
            fewer_m=load.fewer_m,
            floor=load.floor,
            ceiling=load.ceiling,
            officers=load.officers,
            capacity_source=load.capacity_source,
            outlet_id=load.outlet_id,
            outlets=load.outlets,
            declared=load.declared,
            ability=load.ability_bp / BP,
        )


class ShortageOut(Out):
    """Why some have no place: these enterprises may go to these full nodes only.

    `node_ids` are of whom the plan shares out to: institutions, branches or outlets.
    """

    city_code: str
    node_ids: list[UUID]
    slots: int
    enterprises: int
    short: int

    @classmethod
    def of(cls, city_code: str, shortage: Shortage) -> "ShortageOut":
        """From a city's closed set."""
        return cls(
            city_code=city_code,
            node_ids=list(shortage.node_ids),
            slots=shortage.slots,
            enterprises=len(shortage.enterprise_ids),
            short=shortage.short,
        )


class CityOut(Out):
    """A city's solution, or a bank's: `violations` nobody is cheaper elsewhere.

    `cost` is what it costs and `bound` what nothing can cost less than, as whole numbers; `proven`:
    they are equal, and nothing is violated. In the joint form with a band for hard cases the bound
    does not know the band. `digest` is of who got whom.
    """

    city_code: str
    institution_id: UUID | None
    listed: int
    exhausted: int
    longest_m: int
    violations: int
    digest: str
    cost: str
    bound: str
    proven: bool


class PlanOut(Out):
    """A plan without its load: for lists."""

    plan_id: UUID
    campaign_id: UUID
    tier: int
    version: int
    round: int
    seed: int
    form: str
    state: str
    publishing: bool
    progress: float
    stage: str
    job_id: UUID
    publication_job_id: UUID | None
    rests_on: UUID | None
    rotated_on: date | None
    assigned: int | None
    unassigned: int | None
    direct: int | None
    exhausted: int | None
    moved: int | None
    gini: float | None
    failure_code: str | None
    failure: str | None
    created_by: UUID | None
    created_at: datetime
    checked_by: UUID | None
    checked_at: datetime | None
    published_at: datetime | None
    published_on: date | None
    superseded_by: UUID | None

    @classmethod
    def fields_of(cls, plan: StoredPlan) -> dict[str, Any]:
        """The fields a list and a single view share."""
        names = set(PlanOut.model_fields) - {"gini", "state"}
        gini = None if plan.gini_bp is None else plan.gini_bp / BP
        return {name: getattr(plan, name) for name in names} | {
            "gini": gini,
            "state": plan.state.value,
        }

    @classmethod
    def of(cls, plan: StoredPlan) -> "PlanOut":
        """From the plan."""
        return cls(**cls.fields_of(plan))


class PlanPage(Out):
    """A campaign's plans, newest first."""

    items: list[PlanOut]
    next_cursor: str | None = None


class PlanViewOut(PlanOut):
    """A plan with its load report, the proof of each city, and why some have no place."""

    load: list[LoadOut]
    cities: list[CityOut]
    shortages: list[ShortageOut]

    @classmethod
    def seen(cls, view: PlanView) -> "PlanViewOut":
        """From the plan and its reports."""
        return cls(
            **cls.fields_of(view.plan),
            load=[LoadOut.of(one) for one in view.load],
            cities=[_city(one) for one in view.cities],
            shortages=[ShortageOut.of(city, one) for city, one in view.shortages],
        )


def _city(row: CityRow) -> CityOut:
    fields = {name: getattr(row, name) for name in CityOut.model_fields if name != "proven"}
    return CityOut(proven=row.cost == row.bound and not row.violations, **fields)


class ReplayOut(Out):
    """A city solved again from its stored inputs: the digests agree, or something was tampered."""

    city_code: str
    stored_digest: str
    replayed_digest: str
    same: bool

    @classmethod
    def of(cls, replay: Replay) -> "ReplayOut":
        """From the replay."""
        return cls(
            city_code=replay.city_code,
            stored_digest=replay.stored_digest,
            replayed_digest=replay.replayed_digest,
            same=replay.stored_digest == replay.replayed_digest,
        )


class PlanRowOut(Out):
    """Where a plan sends an enterprise, and why: in numbers and in words."""

    enterprise_id: UUID
    region_code: str
    city_code: str
    node_kind: str
    bureau_code: str | None
    institution_id: UUID | None
    node_city: str | None
    outlet_id: UUID | None
    nearest_outlet_id: UUID | None
    distance_m: int | None
    reason: dict[str, Any]
    words: str

    @classmethod
    def of(cls, row: RowOfPlan, names: Mapping[str, str]) -> "PlanRowOut":
        """From the plan's row; `names` of institutions are for the words."""
        fields = {name: getattr(row, name) for name in cls.model_fields if name != "words"}
        kind = NodeKind(row.node_kind)
        return cls(words=reason_in_words(row.reason, row.distance_m, names, kind), **fields)


class PlanRowPage(Out):
    """Rows of a plan by enterprise."""

    items: list[PlanRowOut]
    next_cursor: str | None
