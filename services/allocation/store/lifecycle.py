"""What happens to assignments after publication: returns, claims, hand-overs, set capacities."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from services.allocation.domain.suggesting import Person, Waiting
from services.allocation.store.publishing import end_deeper
from shared.contracts.registry import PersonalDataErased
from shared.platform.conditions import Conditions
from shared.platform.database import Transaction
from shared.platform.retention import forget_answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A request to take an enterprise back, and what became of it (A8)."""

    return_id: UUID
    assignment_id: UUID
    campaign_id: UUID
    enterprise_id: UUID
    institution_id: UUID
    region_code: str
    reason_code: str
    note: str
    asked_on: date
    due_on: date
    decided_on: date | None = None
    granted: bool | None = None
    decision_note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An enterprise that an institution took on outside its own list (JS-21)."""

    claim_id: UUID
    campaign_id: UUID
    enterprise_id: UUID
    institution_id: UUID
    region_code: str
    outlet_id: UUID | None
    staff_id: UUID | None
    claimed_on: date
    ended_on: date | None = None


@dataclass(frozen=True, slots=True)
class SetCapacity:
    """What a bureau has set for an institution in a city, and why (A2)."""

    city_code: str
    institution_id: UUID
    capacity: int
    reason: str


_RETURN = ", ".join(Return.__slots__)
_CLAIM = ", ".join(Claim.__slots__)


async def add_return(tx: Transaction, asked: Return) -> bool:
    """Enter a request; False where one is open for the assignment."""
    driver = await tx.driver()
    return bool(
        await driver.fetchval(
            "insert into assignment_return (return_id, assignment_id, campaign_id, enterprise_id,"
            " institution_id, region_code, reason_code, note, asked_on, due_on, asked_by)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
            " on conflict (assignment_id) where decided_on is null do nothing returning true",
            asked.return_id,
            asked.assignment_id,
            asked.campaign_id,
            asked.enterprise_id,
            asked.institution_id,
            asked.region_code,
            asked.reason_code,
            asked.note,
            asked.asked_on,
            asked.due_on,
            tx.principal.account_id,
        )
    )


async def returns(
    tx: Transaction, campaign_id: UUID, *, state: str, after: UUID | None, limit: int
) -> list[Return]:
    """One more than `limit` of the caller's returns by id; state open, overdue, decided or all."""
    conditions = Conditions()
    conditions.add("r.campaign_id = {}", campaign_id)
    conditions.add_region_or_institution(tx.principal, "r")
    conditions.add_given("r.return_id > {}", after)
    if state != "all":
        conditions.add("(r.decided_on is not null) = {}", state == "decided")
    if state == "overdue":
        conditions.add("r.due_on < {}", tx.today)
    driver = await tx.driver()
    rows = await driver.fetch(
        f"select {_RETURN} from assignment_return r{conditions.sql}"
        f" order by r.return_id limit {conditions.bind(limit + 1)}",
        *conditions.values,
    )
    return [Return(**dict(row)) for row in rows]


async def lock_return(tx: Transaction, return_id: UUID) -> Return | None:
    """A return the caller may see, locked."""
    conditions = Conditions()
    conditions.add("r.return_id = {}", return_id)
    conditions.add_region_or_institution(tx.principal, "r")
    driver = await tx.driver()
    row = await driver.fetchrow(
        f"select {_RETURN} from assignment_return r{conditions.sql} for update of r",
        *conditions.values,
    )
    return Return(**dict(row)) if row else None


async def decide(tx: Transaction, return_id: UUID, *, granted: bool, note: str) -> None:
    """Write a decision."""
    driver = await tx.driver()
    await driver.execute(
        "update assignment_return set decided_on = $2, granted = $3, decision_note = $4,"
        " decided_by = $5 where return_id = $1",
        return_id, tx.today, granted, note, tx.principal.account_id,
    )  # fmt: skip


async def forget_words(events: Sequence[PersonalDataErased], tx: Transaction) -> None:
    """Empty what was written about enterprises when they were returned: words may name persons."""
    erased = [one.subject_id for one in events if one.kind == "enterprise"]
    driver = await tx.driver()
    await driver.execute(
        "update assignment_return set note = '', decision_note = left(decision_note, 0)"
        " where enterprise_id = any($1::uuid[])",
        erased,
    )
    await forget_answers(driver, erased)


async def end_assignment(tx: Transaction, assignment_id: UUID, reason: str) -> int | None:
    """End a live duty today with all that lies deeper; its tier, None where it has ended."""
    driver = await tx.driver()
    row = await driver.fetchrow(
        "update assignment set ended_on = $2, end_reason = $3 where assignment_id = $1"
        " and ended_on is null returning campaign_id, enterprise_id, tier",
        assignment_id,
        tx.today,
        reason,
    )
    if row is None:
        return None
    campaign_id, enterprise_id, tier = row
    await end_deeper(tx, campaign_id, tier, [enterprise_id], day=tx.today, reason=reason)
    return int(tier)


async def returned(tx: Transaction, campaign_id: UUID) -> dict[UUID, tuple[UUID, ...]]:
    """Which nodes have given each enterprise back: they do not get it again."""
    driver = await tx.driver()
    rows = await driver.fetch(
        "select enterprise_id, array_agg(distinct node_id) from assignment"
        " where campaign_id = $1 and duty and end_reason = 'returned' group by enterprise_id",
        campaign_id,
    )
    return {row[0]: tuple(row[1]) for row in rows}


async def region_if_enrolled(tx: Transaction, campaign_id: UUID, enterprise: UUID) -> str | None:
    """The county of an enterprise that takes part."""
    driver = await tx.driver()
    found: Any = await driver.fetchval(
        "select region_code from enrolment where campaign_id = $1 and enterprise_id = $2",
        campaign_id, enterprise,
    )  # fmt: skip
    return found


async def holder(tx: Transaction, campaign_id: UUID, enterprise_id: UUID) -> UUID | None:
    """The institution whose duty the enterprise is."""
    driver = await tx.driver()
    found: Any = await driver.fetchval(
        "select institution_id from assignment where campaign_id = $1 and enterprise_id = $2"
        " and duty and ended_on is null",
        campaign_id, enterprise_id,
    )  # fmt: skip
    return found


async def add_claim(tx: Transaction, claim: Claim) -> bool:
    """Enter a claim; False where the institution has one for the enterprise."""
    driver = await tx.driver()
    return bool(
        await driver.fetchval(
            f"insert into claim ({_CLAIM}, claimed_by) values ($1, $2, $3, $4, $5, $6, $7, $8, $9,"
            " $10) on conflict (campaign_id, enterprise_id, institution_id) where ended_on is null"
            " do nothing returning true",
            *(getattr(claim, name) for name in Claim.__slots__),
            tx.principal.account_id,
        )
    )


async def claims(
    tx: Transaction, campaign_id: UUID, *, after: UUID | None, limit: int
) -> list[Claim]:
    """One more than `limit` of the caller's claims by id."""
    conditions = Conditions()
    conditions.add("c.campaign_id = {}", campaign_id)
    conditions.add_region_or_institution(tx.principal, "c")
    conditions.add_given("c.claim_id > {}", after)
    driver = await tx.driver()
    rows = await driver.fetch(
        f"select {_CLAIM} from claim c{conditions.sql}"
        f" order by c.claim_id limit {conditions.bind(limit + 1)}",
        *conditions.values,
    )
    return [Claim(**dict(row)) for row in rows]


async def set_capacities(tx: Transaction, campaign_id: UUID, rows: Sequence[SetCapacity]) -> None:
    """Set capacities; the last word counts."""
    driver = await tx.driver()
    await driver.executemany(
        "insert into capacity_set (campaign_id, city_code, institution_id, capacity, reason,"
        " set_by, set_at) values ($1, $2, $3, $4, $5, $6, $7)"
        " on conflict (campaign_id, city_code, institution_id) do update set"
        " capacity = excluded.capacity, reason = excluded.reason, set_by = excluded.set_by,"
        " set_at = excluded.set_at",
        [
            (campaign_id, one.city_code, one.institution_id, one.capacity, one.reason,
             tx.principal.account_id, tx.now)
            for one in rows
        ],
    )  # fmt: skip


async def capacities(tx: Transaction, campaign_id: UUID) -> list[SetCapacity]:
    """All capacities that were set."""
    driver = await tx.driver()
    rows = await driver.fetch(
        "select city_code, institution_id, capacity, reason from capacity_set"
        " where campaign_id = $1 order by city_code, institution_id",
        campaign_id,
    )
    return [SetCapacity(*row) for row in rows]


async def waiting(tx: Transaction, campaign_id: UUID, limit: int) -> list[Waiting]:
    """The caller's institution's assignments without a contact, oldest ids first.

    Where a deeper tier has placed the enterprise at an outlet, that one; else the nearest.
    """
    driver = await tx.driver()
    rows = await driver.fetch(
        "select a.assignment_id, a.institution_id, coalesce((select p.node_outlet_id"
        "   from assignment p where p.campaign_id = a.campaign_id and p.ended_on is null"
        "   and p.enterprise_id = a.enterprise_id and p.node_outlet_id is not null"
        "   order by p.tier desc limit 1), a.nearest_outlet_id)"
        " from assignment a where a.campaign_id = $1 and a.institution_id = $2 and a.duty"
        " and a.ended_on is null and a.staff_id is null order by a.assignment_id limit $3",
        campaign_id, tx.principal.institution_id, limit,
    )  # fmt: skip
    return [Waiting(*row) for row in rows]


async def people(tx: Transaction) -> list[Person]:
    """The caller's institution's relationship managers of today, with their live enterprises."""
    driver = await tx.driver()
    rows = await driver.fetch(
        "select s.staff_id, s.outlet_id, s.institution_id, (select count(*) from assignment a"
        "   where a.staff_id = s.staff_id and a.ended_on is null) as load"
        " from (select distinct on (staff_id) staff_id, outlet_id, institution_id, role, valid_to"
        "   from roster where institution_id = $1 and valid_from <= $2"
        "   order by staff_id, valid_from desc) s join outlet o using (outlet_id)"
        " where o.active and (s.valid_to is null or s.valid_to >= $2)"
        " and s.role = 'relationship_manager'",
        tx.principal.institution_id, tx.today,
    )  # fmt: skip
    return [Person(*row) for row in rows]


async def held_by(tx: Transaction, staff_id: UUID, limit: int) -> list[UUID]:
    """The live assignments of one of the caller's institution's people."""
    driver = await tx.driver()
    rows = await driver.fetch(
        "select assignment_id from assignment where staff_id = $1 and institution_id = $2"
        " and ended_on is null order by assignment_id limit $3",
        staff_id, tx.principal.institution_id, limit,
    )  # fmt: skip
    return [row["assignment_id"] for row in rows]
