"""Tasks: the enterprises a bank has, and how far their visits are."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.visits.domain.dates import task_state
from services.visits.domain.model import TaskState
from services.visits.store.places import PLACE_ON
from shared.platform.conditions import Conditions
from shared.platform.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One enterprise to visit; `visit_complete` is None before any visit."""

    assignment_id: UUID
    campaign_id: UUID
    enterprise_id: UUID
    institution_id: UUID
    outlet_id: UUID | None
    staff_id: UUID | None
    region_code: str | None
    due_on: date
    state: TaskState
    last_visit_on: date | None
    visit_complete: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """What a list of tasks is narrowed to."""

    campaign_id: UUID | None = None
    enterprise_id: UUID | None = None
    institution_id: UUID | None = None
    after: UUID | None = None
    limit: int = 100


_SELECT = """
select a.assignment_id, a.campaign_id, a.enterprise_id, a.institution_id, a.outlet_id, a.staff_id,
       coalesce(e.region_code, a.region_code) as region_code, c.visits_until,
       v.last_on, v.complete
from assignment a join campaign c using (campaign_id)
left join lateral ({place}) e on true
left join lateral (
  select max(visited_on) as last_on, bool_or(complete) as complete from visit
  where (enterprise_id = a.enterprise_id or enterprise_id = any(array(
      select merged_id from merger where survivor_id = a.enterprise_id union all
      select survivor_id from merger where merged_id = a.enterprise_id)))
    and campaign_id = a.campaign_id
    and institution_id = a.institution_id and voided_at is null) v on true
"""
#: Where a bank has both of two that are one, it visits once: the survivor (R3).
_NOT_TWICE = """
not exists (select from merger m join assignment s on s.enterprise_id = m.survivor_id
  where m.merged_id = a.enterprise_id and s.campaign_id = a.campaign_id
    and s.institution_id = a.institution_id and (s.ended_on is null or s.ended_on > {}))
"""


async def page(tx: Transaction, wanted: TaskFilter) -> list[TaskRow]:
    """One more than `limit` of the caller's enterprises, by assignment."""
    conditions = _scoped(tx)
    conditions.add_given("a.campaign_id = {}", wanted.campaign_id)
    conditions.add_given("a.enterprise_id = {}", wanted.enterprise_id)
    conditions.add_given("a.institution_id = {}", wanted.institution_id)
    conditions.add_given("a.assignment_id > {}", wanted.after)
    place = PLACE_ON.format(enterprise="a.enterprise_id", day=conditions.bind(tx.today))
    limit = conditions.bind(wanted.limit + 1)
    driver = await tx.driver()
    rows = await driver.fetch(
        f"{_SELECT.format(place=place)}{conditions.sql} order by a.assignment_id limit {limit}",
        *conditions.values,
    )
    return [
        TaskRow(
            assignment_id=row["assignment_id"],
            campaign_id=row["campaign_id"],
            enterprise_id=row["enterprise_id"],
            institution_id=row["institution_id"],
            outlet_id=row["outlet_id"],
            staff_id=row["staff_id"],
            region_code=row["region_code"],
            due_on=row["visits_until"],
            state=task_state(
                visited=bool(row["complete"]), due_on=row["visits_until"], today=tx.today
            ),
            last_visit_on=row["last_on"],
            visit_complete=row["complete"],
        )
        for row in rows
    ]


def _scoped(tx: Transaction) -> Conditions:
    principal = tx.principal
    conditions = Conditions()
    conditions.add("(a.ended_on is null or a.ended_on > {})", tx.today)
    conditions.add(_NOT_TWICE, tx.today)
    conditions.add_region_or_institution(principal, "a")
    if principal.role == "branch_head":
        conditions.add("a.outlet_id = {}", principal.outlet_id)
    if principal.role == "relationship_manager":
        conditions.add("a.staff_id = {}", principal.staff_id)
    return conditions
