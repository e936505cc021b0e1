"""The nouns of an allocation, and the states a plan may be in."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from shared.kernel.errors import RuleViolation
from shared.kernel.ids import derived_id

Precision = Literal["point", "county", "city"]


@dataclass(frozen=True, slots=True)
class Enterprise:
    """An enterprise as the allocation sees it: a place, its lenders, who has had it before.

    Coordinates are WGS-84 micro-degrees. `has_loan` is None where the list does not say.
    `previous_ids` are the institutions that have had it in this campaign, oldest first.
    """

    enterprise_id: UUID
    city_code: str
    county_code: str
    longitude_e6: int
    latitude_e6: int
    precision: Precision = "point"
    has_loan: bool | None = None
    lender_ids: frozenset[UUID] = frozenset()
    previous_ids: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Outlet:
    """A bank outlet. `service_capacity` is what it declares it can serve; None: undeclared."""

    outlet_id: UUID
    institution_id: UUID
    city_code: str
    longitude_e6: int
    latitude_e6: int
    officers: int
    service_capacity: int | None = None


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who may be given enterprises: a bank institution in a city, a branch, or an outlet.

    `source` says where `capacity` comes from: declared, staff, share of what is wanting, or set;
    beside it what it was made of: `officers` at `outlets`, their `ability_bp`, what was `declared`.
    """

    node_id: UUID
    institution_id: UUID
    city_code: str
    institution_type: str
    capacity: int
    officers: int
    source: str = "declared"
    outlets: int = 0
    declared: int = 0
    ability_bp: int = 10_000
    outlet_id: UUID | None = None


class NodeKind(StrEnum):
    """Who receives an enterprise: a city bureau, a bank institution, its branch or its outlet."""

    BUREAU = "bureau"
    INSTITUTION = "institution"
    BRANCH = "branch"
    OUTLET = "outlet"


def node_id_of(outlet: Outlet, to: NodeKind) -> UUID:
    """The receiver that an outlet belongs to, where `to` receives."""
    if to is NodeKind.OUTLET:
        return outlet.outlet_id
    if to is NodeKind.BRANCH:
        return branch_id(outlet.institution_id, outlet.city_code)
    return outlet.institution_id


def branch_id(institution_id: UUID, city_code: str) -> UUID:
    """The branch of an institution in a city."""
    return derived_id("branch", institution_id, city_code)


class PlanState(StrEnum):
    """Where a plan is in its life; from `published` on its assignments never change."""

    SOLVING = "solving"
    DRAFT = "draft"
    CHECKED = "checked"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Plan:
    """One computed sharing-out of a campaign's list, at one tier, from one seed."""

    plan_id: UUID
    campaign_id: UUID
    tier: int
    version: int
    seed: int
    state: PlanState = PlanState.SOLVING
    published_at: datetime | None = None
    superseded_by: UUID | None = None
    failure: str = ""
    made_by: UUID | None = None


def plan_solved(plan: Plan) -> Plan:
    """The computation has ended: the plan can be read, and published.

    Raises:  RuleViolation `plan.not_solving`.
    Source:  feature A1.
    """
    _require_plan(plan, PlanState.SOLVING, "plan.not_solving", "方案不在计算中")
    return replace(plan, state=PlanState.DRAFT)


def plan_failed(plan: Plan, why: str) -> Plan:
    """The computation could not end; `why` is kept for the one who asked.

    Raises:  RuleViolation `plan.not_solving`.
    Source:  feature A1.
    """
    _require_plan(plan, PlanState.SOLVING, "plan.not_solving", "方案不在计算中")
    return replace(plan, state=PlanState.FAILED, failure=why)


def check_plan(plan: Plan, *, by: UUID | None) -> Plan:
    """A second person has looked at the draft: who made a plan does not check it.

    Raises:  RuleViolation `plan.not_draft`, `plan.own_work`.
    Source:  feature A1.
    """
    _require_plan(plan, PlanState.DRAFT, "plan.not_draft", "只有草案可以复核")
    if by is not None and by == plan.made_by:
        raise RuleViolation("plan.own_work", "不能复核自己编制的方案", "请由另一位工作人员复核")
    return replace(plan, state=PlanState.CHECKED)


def publish_plan(plan: Plan, *, published_at: datetime) -> Plan:
    """The checked draft becomes binding and, from now on, immutable.

    Raises:  RuleViolation `plan.not_checked`.
    Source:  feature A1; rules JS-06, JS-07.
    """
    _require_plan(plan, PlanState.CHECKED, "plan.not_checked", "只有经另一人复核的草案可以发布")
    return replace(plan, state=PlanState.PUBLISHED, published_at=published_at)


def supersede_plan(plan: Plan, *, by: Plan) -> Plan:
    """A later published plan of the same campaign and tier takes the place of this one.

    Raises:  RuleViolation `plan.not_published`, `plan.not_successor`.
    Source:  feature A1.
    """
    _require_plan(plan, PlanState.PUBLISHED, "plan.not_published", "方案尚未发布")
    same = (plan.campaign_id, plan.tier) == (by.campaign_id, by.tier)
    if not same or by.version <= plan.version or by.state is not PlanState.PUBLISHED:
        raise RuleViolation("plan.not_successor", "新方案不能替代该方案", f"version {by.version}")
    return replace(plan, state=PlanState.SUPERSEDED, superseded_by=by.plan_id)


def _require_plan(plan: Plan, state: PlanState, code: str, title: str) -> None:
    if plan.state is not state:
        raise RuleViolation(code, title, f"当前状态：{plan.state}")
