"""Financing needs stated during visits (JS-20)."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from shared.platform.conditions import Conditions
from shared.platform.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedRow:
    """A need as it is shown."""

    need_id: UUID
    visit_id: UUID
    campaign_id: UUID
    enterprise_id: UUID
    institution_id: UUID
    outlet_id: UUID
    region_code: str
    amount_fen: int
    purpose: str
    term_months: int
    state: str
    recorded_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedFilter:
    """What a list of needs is narrowed to."""

    enterprise_id: UUID | None = None
    campaign_id: UUID | None = None
    institution_id: UUID | None = None
    state: str | None = None
    after: tuple[date, UUID] | None = None
    limit: int = 100


async def page(tx: Transaction, wanted: NeedFilter) -> list[NeedRow]:
    """One more than `limit` needs, newest first."""
    principal = tx.principal
    conditions = Conditions()
    conditions.add_region_or_institution(principal, "n")
    if principal.role == "branch_head":
        conditions.add("n.outlet_id = {}", principal.outlet_id)
    if principal.role == "relationship_manager":
        conditions.add(
            "exists (select from visit v where v.visit_id = n.visit_id and {} = any(v.staff_ids))",
            principal.staff_id,
        )
    conditions.add_given("n.enterprise_id = any(array(select family_of({})))", wanted.enterprise_id)
    conditions.add_given("n.campaign_id = {}", wanted.campaign_id)
    conditions.add_given("n.institution_id = {}", wanted.institution_id)
    conditions.add_given("n.state = {}", wanted.state)
    if wanted.after:
        conditions.add("(n.recorded_on, n.need_id) < ({}, {})", *wanted.after)
    limit = conditions.bind(wanted.limit + 1)
    driver = await tx.driver()
    rows = await driver.fetch(
        "select need_id, visit_id, campaign_id, enterprise_id, institution_id, outlet_id,"
        " region_code, amount_fen, purpose, term_months, state, recorded_on from need n"
        f"{conditions.sql} order by n.recorded_on desc, n.need_id desc limit {limit}",
        *conditions.values,
    )
    return [NeedRow(**dict(row)) for row in rows]
