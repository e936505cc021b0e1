"""Assignments as their holders see them, contacts, and how far each institution is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.allocation.domain.contacts import Holder, Known, Naming
from services.allocation.store.parts import region_pattern
from shared.platform.conditions import Conditions
from shared.platform.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentRow:
    """One assignment with its contact, if one is named."""

    assignment_id: UUID
    enterprise_id: UUID
    campaign_id: UUID
    plan_id: UUID
    tier: int
    bureau_code: str | None
    institution_id: UUID | None
    region_code: str
    round: int
    assigned_on: date
    nearest_outlet_id: UUID | None
    distance_m: int | None
    outlet_id: UUID | None
    staff_id: UUID | None
    contact_named_on: date | None
    ended_on: date | None
    end_reason: str | None
    duty: bool
    node_kind: str
    node_city: str | None
    node_outlet_id: UUID | None
    node_id: UUID | None
    merged_into: UUID | None = None

    @property
    def state(self) -> str:
        """assigned, contact_named or ended."""
        if self.ended_on is not None:
            return "ended"
        return "assigned" if self.staff_id is None else "contact_named"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentFilter:
    """What a list of assignments is narrowed to; `state` is live, ended or all."""

    campaign_id: UUID | None = None
    tier: int | None = None
    institution_id: UUID | None = None
    outlet_id: UUID | None = None
    staff_id: UUID | None = None
    enterprise_id: UUID | None = None
    region: str | None = None
    without_contact: bool | None = None
    state: str = "live"
    after: UUID | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Load:
    """What an institution, or its branch, has in a campaign, and how many have a contact.

    `claimed`: what the institution has taken on outside its list; it is no part of the others.
    """

    institution_id: UUID
    node_city: str | None
    name: str | None
    institution_type: str | None
    assigned: int
    contacted: int
    claimed: int


@dataclass(frozen=True, slots=True)
class ContactRow:
    """Who answered for an enterprise from a day on (A9)."""

    number: int
    outlet_id: UUID
    staff_id: UUID
    named_on: date


_COLUMNS = ", ".join(
    [f"a.{name}" for name in AssignmentRow.__slots__ if name != "merged_into"]
    + ["(select survivor_id from merger m where m.merged_id = a.enterprise_id) as merged_into"]
)


def _scoped(tx: Transaction) -> Conditions:
    """A bank's people see their institution's; a branch head what the branch has or may take."""
    principal = tx.principal
    conditions = Conditions()
    conditions.add_region_or_institution(principal, "a")
    if principal.role == "branch_head":
        conditions.add("(a.outlet_id is null or a.outlet_id = {})", principal.outlet_id)
    if principal.role == "relationship_manager":
        conditions.add("a.outlet_id = {}", principal.outlet_id)
    return conditions


async def page(tx: Transaction, wanted: AssignmentFilter) -> list[AssignmentRow]:
    """One more than `limit` of the caller's assignments, by id."""
    conditions = _scoped(tx)
    for name in ("campaign_id", "tier", "institution_id", "outlet_id", "staff_id", "enterprise_id"):
        conditions.add_given(f"a.{name} = {{}}", getattr(wanted, name))
    conditions.add_given("a.region_code like {}", region_pattern(wanted.region))
    conditions.add_given("(a.staff_id is null) = {}", wanted.without_contact)
    conditions.add_given("a.assignment_id > {}", wanted.after)
    if wanted.state != "all":
        conditions.add("(a.ended_on is null) = {}", wanted.state == "live")
    if wanted.without_contact is not None:
        conditions.add("a.duty")
    driver = await tx.driver()
    rows = await driver.fetch(
        f"select {_COLUMNS} from assignment a{conditions.sql}"
        f" order by a.assignment_id limit {conditions.bind(wanted.limit + 1)}",
        *conditions.values,
    )
    return [AssignmentRow(**dict(row)) for row in rows]


async def find(tx: Transaction, assignment_id: UUID) -> AssignmentRow | None:
    """One assignment the caller may see."""
    conditions = _scoped(tx)
    conditions.add("a.assignment_id = {}", assignment_id)
    driver = await tx.driver()
    row = await driver.fetchrow(
        f"select {_COLUMNS} from assignment a{conditions.sql}", *conditions.values
    )
    return AssignmentRow(**dict(row)) if row else None


async def contacts_of(tx: Transaction, assignment_id: UUID) -> list[ContactRow]:
    """Everyone who was named for an assignment, oldest first."""
    driver = await tx.driver()
    rows = await driver.fetch(
        "select number, outlet_id, staff_id, named_on from contact where assignment_id = $1"
        " order by number",
        assignment_id,
    )
    return [ContactRow(*row) for row in rows]


async def lock_rows(tx: Transaction, ids: list[UUID]) -> dict[UUID, AssignmentRow]:
    """The caller's assignments with these ids, locked in one order."""
    conditions = _scoped(tx)
    conditions.add("a.duty and a.assignment_id = any({}::uuid[])", ids)
    driver = await tx.driver()
    rows = await driver.fetch(
        f"select {_COLUMNS} from assignment a{conditions.sql} order by a.assignment_id"
        " for update of a",
        *conditions.values,
    )
    return {row["assignment_id"]: AssignmentRow(**dict(row)) for row in rows}


def holder_of(row: AssignmentRow) -> Holder | None:
    """The assignment as the rules of naming a contact see it."""
    if row.institution_id is None:
        return None
    return Holder(
        row.assignment_id,
        row.institution_id,
        row.outlet_id,
        row.staff_id,
        ended=row.ended_on is not None,
    )


async def known_today(
    tx: Transaction, outlet_ids: Sequence[UUID], staff_ids: Sequence[UUID]
) -> Known:
    """Active outlets, and people whose newest roster period holds today (JS-12)."""
    driver = await tx.driver()
    outlets = await driver.fetch(
        "select outlet_id, institution_id from outlet where active and outlet_id = any($1::uuid[])",
        outlet_ids,
    )
    staff = await driver.fetch(
        "select staff_id, institution_id from (select distinct on (staff_id) staff_id,"
        " institution_id, valid_to from roster_of($1::uuid[]) where"
        " valid_from <= $2 order by staff_id, valid_from desc) s"
        " where valid_to is null or valid_to >= $2",
        staff_ids,
        tx.today,
    )
    return Known(
        {row["outlet_id"]: row["institution_id"] for row in outlets},
        {row["staff_id"]: row["institution_id"] for row in staff},
    )


async def name_contacts(tx: Transaction, namings: list[Naming]) -> None:
    """Write the contacts, and keep each in the history."""
    driver = await tx.driver()
    columns = (
        [one.assignment_id for one in namings],
        [one.outlet_id for one in namings],
        [one.staff_id for one in namings],
    )
    await driver.execute(
        "update assignment a set outlet_id = u.outlet, staff_id = u.staff, contact_named_on = $4"
        " from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as u (id, outlet, staff)"
        " where a.assignment_id = u.id",
        *columns,
        tx.today,
    )
    await driver.execute(
        "insert into contact (assignment_id, number, outlet_id, staff_id, named_on, named_by,"
        " named_at) select u.id, 1 + (select count(*) from contact c where c.assignment_id = u.id),"
        " u.outlet, u.staff, $4, $5, $6"
        " from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as u (id, outlet, staff)",
        *columns,
        tx.today,
        tx.principal.account_id,
        tx.now,
    )


async def loads(tx: Transaction, campaign_id: UUID) -> list[Load]:
    """What each institution has now, and for how many a contact is named.

    In a bank's own campaign a line for each branch (JL-31). Who has claims only has a line too.
    """
    conditions = _scoped(tx)
    conditions.add("a.campaign_id = {} and a.duty and a.ended_on is null", campaign_id)
    held = conditions.sql
    claimed = conditions.apart()
    claimed.add("c.campaign_id = {} and c.ended_on is null", campaign_id)
    claimed.add_region_or_institution(tx.principal, "c")
    driver = await tx.driver()
    rows = await driver.fetch(
        "with held as (select a.institution_id,"
        "   case when a.node_kind <> 'institution' then a.node_city end as node_city,"
        "   count(*) as assigned, count(a.staff_id) as contacted"
        f"   from assignment a{held} group by 1, 2),"
        " claimed as (select c.institution_id, count(*) as claimed"
        f"   from claim c{claimed.sql} group by 1)"
        " select institution_id, h.node_city, i.name, i.type, coalesce(h.assigned, 0),"
        " coalesce(h.contacted, 0), coalesce(c.claimed, 0)"
        " from held h full join claimed c using (institution_id)"
        " left join institution i using (institution_id)"
        " order by i.code, institution_id, h.node_city",
        *claimed.values,
    )
    return [Load(*row) for row in rows]
