"""What a plan is computed from: enterprises with their place and history, outlets, loads."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from uuid import UUID

from services.allocation.domain.model import Enterprise, Outlet
from services.allocation.domain.profile import MatchedRule
from services.allocation.store.campaigns import Campaign
from shared.platform.database import Transaction

#: Each enrolled enterprise where it is on day $2; the list says so until it moved. One that is
#: merged into another that takes part gets no bank of its own any more (R3).
PLACES = """
select n.enterprise_id, coalesce(c.region_code, l.region_code) as region_code,
  coalesce(c.longitude_e6, l.longitude_e6) as longitude_e6,
  coalesce(c.latitude_e6, l.latitude_e6) as latitude_e6,
  coalesce(c.precision, l.precision) as precision, l.has_loan, l.lender_ids
from campaign k join enrolment n using (campaign_id)
join list_entry l on l.list_vintage = k.list_vintage and l.enterprise_id = n.enterprise_id
left join lateral (select region_code, longitude_e6, latitude_e6, precision
  from enterprise_change e where e.enterprise_id = n.enterprise_id
  and e.valid_from >= l.listed_on and e.valid_from <= $2
  order by e.valid_from desc limit 1) c on true
where k.campaign_id = $1 and not exists (select from merger m join enrolment s
  on s.campaign_id = $1 and s.enterprise_id = m.survivor_id
  where m.merged_id = n.enterprise_id and m.merged_on <= $2)
"""

_FINANCED = """f.kind = any($3::text[]) and f.happened_on >= k.opens_on and f.happened_on <= $2
  and ($4 or f.institution_id = {i})"""
#: Whether enterprise {e} is matched (JS-19): kinds $3, from the opening to $2, at {i} or anywhere;
#: what those merged into it have counts too (R3).
MATCHED = f"""(exists (select from financing f where f.enterprise_id = {{e}} and {_FINANCED})
  or exists (select from merger m join financing f on f.enterprise_id = m.merged_id
  where m.survivor_id = {{e}} and {_FINANCED}))"""


@dataclass(frozen=True, slots=True)
class Current:
    """Which node has an enterprise now, at a tier, and whether it is matched."""

    node_id: UUID
    matched: bool


class Holder(NamedTuple):
    """A bank that has an enterprise, and the city of its node."""

    institution_id: UUID
    city_code: str | None


def matched_values(rule: MatchedRule) -> tuple[list[str], bool]:
    """What `MATCHED` takes as $3 and $4: the kinds that count, and whether anybody's do."""
    return list(rule.any_of), rule.at == "any_institution"


async def enterprises(tx: Transaction, campaign: Campaign, day: date) -> list[Enterprise]:
    """All that take part, as of a day."""
    driver = await tx.driver()
    rows = await driver.fetch(PLACES, campaign.campaign_id, day)
    return [
        Enterprise(
            row["enterprise_id"],
            city_code=row["region_code"][:4] + "00",
            county_code=row["region_code"],
            longitude_e6=row["longitude_e6"],
            latitude_e6=row["latitude_e6"],
            precision=row["precision"],
            has_loan=row["has_loan"],
            lender_ids=frozenset(row["lender_ids"]),
        )
        for row in rows
    ]


async def outlets(tx: Transaction, province_code: str) -> list[Outlet]:
    """The active outlets of active institutions in the province."""
    driver = await tx.driver()
    rows = await driver.fetch(
        "select o.* from outlet o join institution i using (institution_id)"
        " where o.active and i.active and o.region_code like $1",
        f"{province_code[:2]}%",
    )
    return [
        Outlet(
            row["outlet_id"],
            row["institution_id"],
            city_code=row["region_code"][:4] + "00",
            longitude_e6=row["longitude_e6"],
            latitude_e6=row["latitude_e6"],
            officers=row["relationship_managers"],
            service_capacity=row["service_capacity"],
        )
        for row in rows
    ]


async def types(tx: Transaction) -> dict[UUID, str]:
    """The type of every institution."""
    driver = await tx.driver()
    rows = await driver.fetch("select institution_id, type from institution")
    return {row["institution_id"]: row["type"] for row in rows}


async def names(tx: Transaction) -> dict[str, str]:
    """The name of every institution, by its id as text."""
    driver = await tx.driver()
    rows = await driver.fetch("select institution_id, name from institution")
    return {str(row["institution_id"]): row["name"] for row in rows}


async def cities(tx: Transaction, plan_id: UUID) -> dict[UUID, str]:
    """The city to whose bureau or banks a tier-1 plan sends each enterprise."""
    driver = await tx.driver()
    rows = await driver.fetch(
        "select enterprise_id, city_code from plan_row where plan_id = $1", plan_id
    )
    return {row["enterprise_id"]: row["city_code"] for row in rows}


async def currents(
    tx: Transaction, campaign: Campaign, tier: int, day: date, rule: MatchedRule
) -> dict[UUID, Current]:
    """Which node has each enterprise at a tier, and whether it is matched by a day (JS-19)."""
    matched = MATCHED.format(e="a.enterprise_id", i="a.institution_id")
    driver = await tx.driver()
    rows = await driver.fetch(
        f"select a.enterprise_id, a.node_id, {matched} as matched"
        " from assignment a join campaign k using (campaign_id)"
        " where a.campaign_id = $1 and a.tier = $5 and a.ended_on is null"
        " and a.node_id is not null",
        campaign.campaign_id,
        day,
        *matched_values(rule),
        tier,
    )
    return {row["enterprise_id"]: Current(row["node_id"], row["matched"]) for row in rows}


async def holders(tx: Transaction, campaign_id: UUID, tier: int) -> dict[UUID, Holder]:
    """Which bank has each enterprise at a tier, and in which city."""
    driver = await tx.driver()
    rows = await driver.fetch(
        "select enterprise_id, institution_id, node_city from assignment where campaign_id = $1"
        " and tier = $2 and ended_on is null and institution_id is not null",
        campaign_id,
        tier,
    )
    return {row[0]: Holder(row[1], row[2]) for row in rows}


async def matched_at_all(
    tx: Transaction, campaign: Campaign, day: date, rule: MatchedRule
) -> set[UUID]:
    """Enterprises of the campaign that are matched anywhere: they need no bank any more."""
    driver = await tx.driver()
    rows = await driver.fetch(
        "select distinct n.enterprise_id from campaign k join enrolment n using (campaign_id)"
        " join (select enterprise_id, kind, happened_on from financing union all"
        "   select m.survivor_id, f.kind, f.happened_on from merger m"
        "   join financing f on f.enterprise_id = m.merged_id) f"
        " using (enterprise_id) where k.campaign_id = $1"
        " and f.kind = any($3::text[]) and f.happened_on >= k.opens_on and f.happened_on <= $2",
        campaign.campaign_id,
        day,
        list(rule.any_of),
    )
    return {row["enterprise_id"] for row in rows}


async def histories(tx: Transaction, campaign_id: UUID) -> dict[UUID, tuple[UUID, ...]]:
    """Which institutions have had each enterprise in the campaign, oldest first (JS-19).

    Those of one merged into another that takes part are the other's: its bank does not come back
    (R3). Where the other does not take part, it is the merged one that goes on with them.
    """
    driver = await tx.driver()
    rows = await driver.fetch(
        "select coalesce(m.survivor_id, a.enterprise_id) as enterprise_id, a.institution_id"
        " from assignment a left join merger m on m.merged_id = a.enterprise_id and exists (select"
        "   from enrolment s where s.campaign_id = $1 and s.enterprise_id = m.survivor_id)"
        " where a.campaign_id = $1 and a.duty"
        " order by a.assigned_on, a.round, a.ended_on nulls last",
        campaign_id,
    )
    found: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for row in rows:
        found[row["enterprise_id"]].append(row["institution_id"])
    return {enterprise_id: tuple(dict.fromkeys(ids)) for enterprise_id, ids in found.items()}
