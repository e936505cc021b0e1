"""Copies of other services' facts. Every write is an upsert: order across topics is no matter.

Many events come at once (a list has tens of thousands of enterprises), so each function takes all
events of one kind of a batch and writes them with one statement. Of one row's several changes in a
batch the last one counts; the events of a key come in order.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, TypeVar

from shared.contracts.allocation import (
    CampaignAmended,
    CampaignClosed,
    CampaignOpened,
    ContactNamed,
    EnterpriseAssigned,
    EnterpriseEnrolled,
    EnterpriseUnassigned,
)
from shared.contracts.registry import (
    EnterpriseChanged,
    EnterpriseListed,
    StaffChanged,
)
from shared.platform.database import Transaction

RowT = TypeVar("RowT")


def last_of_each(rows: Iterable[RowT], key: Callable[[RowT], Hashable]) -> list[RowT]:
    """The last row of every key, for a statement that may touch a row only once."""
    return list({key(row): row for row in rows}.values())


async def _write(tx: Transaction, sql: str, rows: Sequence[tuple[Any, ...]], width: int) -> None:
    driver = await tx.driver()
    await driver.execute(sql, *([row[i] for row in rows] for i in range(width)))


async def save_roster(events: Sequence[StaffChanged], tx: Transaction) -> None:
    """Roster periods, by person and first day (JS-12)."""
    last = last_of_each(events, lambda e: (e.staff_id, e.valid_from))
    await _write(
        tx,
        "insert into roster (staff_id, valid_from, valid_to, institution_id, outlet_id, role)"
        " select * from unnest($1::uuid[], $2::date[], $3::date[], $4::uuid[], $5::uuid[],"
        " $6::text[]) on conflict (staff_id, valid_from) do update set valid_to ="
        " excluded.valid_to, institution_id = excluded.institution_id,"
        " outlet_id = excluded.outlet_id, role = excluded.role",
        [
            (e.staff_id, e.valid_from, e.valid_to, e.institution_id, e.outlet_id, e.role)
            for e in last
        ],
        6,
    )


async def save_places(
    events: Sequence[EnterpriseListed | EnterpriseChanged], tx: Transaction
) -> None:
    """Where each enterprise is from a day on (ST-07)."""
    rows = [
        (
            e.enterprise_id,
            e.listed_on if isinstance(e, EnterpriseListed) else e.valid_from,
            e.region_code,
            e.longitude_e6,
            e.latitude_e6,
            e.precision,
        )
        for e in events
    ]
    await _write(
        tx,
        "insert into enterprise_place (enterprise_id, valid_from, region_code, longitude_e6,"
        " latitude_e6, precision) select * from unnest($1::uuid[], $2::date[], $3::text[],"
        " $4::int[], $5::int[], $6::text[]) on conflict (enterprise_id, valid_from) do update"
        " set region_code = excluded.region_code, longitude_e6 = excluded.longitude_e6,"
        " latitude_e6 = excluded.latitude_e6, precision = excluded.precision",
        last_of_each(rows, lambda row: row[:2]),
        6,
    )


async def save_campaigns(events: Sequence[CampaignOpened], tx: Transaction) -> None:
    """Campaigns with the days a visit is judged by."""
    await _write(
        tx,
        "insert into campaign (campaign_id, profile, list_vintage, opens_on, visits_from,"
        " visits_until) select * from unnest($1::uuid[], $2::text[], $3::text[], $4::date[],"
        " $5::date[], $6::date[]) on conflict (campaign_id) do update set"
        " visits_from = excluded.visits_from, visits_until = excluded.visits_until",
        [
            (e.campaign_id, e.profile, e.list_vintage, e.opens_on, e.visits_from, e.visits_until)
            for e in last_of_each(events, lambda e: e.campaign_id)
        ],
        6,
    )


async def save_closings(events: Sequence[CampaignClosed], tx: Transaction) -> None:
    """The last day on which a visit counts to a campaign; its opening came before."""
    driver = await tx.driver()
    await driver.executemany(
        "update campaign set closed_on = $2 where campaign_id = $1",
        [(e.campaign_id, e.closed_on) for e in events],
    )


async def save_amendments(events: Sequence[CampaignAmended], tx: Transaction) -> None:
    """The days a visit is judged by from now on; what was judged before stays as it is (M4)."""
    await _write(
        tx,
        "update campaign c set visits_from = u.first, visits_until = u.last"
        " from unnest($1::uuid[], $2::date[], $3::date[]) as u (id, first, last)"
        " where c.campaign_id = u.id",
        [
            (e.campaign_id, e.visits_from, e.visits_until)
            for e in last_of_each(events, lambda e: e.campaign_id)
        ],
        3,
    )


async def save_enrolments(events: Sequence[EnterpriseEnrolled], tx: Transaction) -> None:
    """Which enterprises are due a visit in a campaign (JS-11)."""
    await _write(
        tx,
        "insert into enrolment (campaign_id, enterprise_id, region_code)"
        " select * from unnest($1::uuid[], $2::uuid[], $3::text[]) on conflict do nothing",
        [
            (e.campaign_id, e.enterprise_id, e.region_code)
            for e in last_of_each(events, lambda e: (e.campaign_id, e.enterprise_id))
        ],
        3,
    )


async def save_assignments(events: Sequence[EnterpriseAssigned], tx: Transaction) -> None:
    """Which institution answers for an enterprise; those to bureaus are no matter of visits."""
    rows = [
        (e.assignment_id, e.enterprise_id, e.campaign_id, e.institution_id, e.region_code, e.round,
         e.assigned_on)
        for e in last_of_each(events, lambda e: e.assignment_id)
        if e.institution_id is not None
    ]  # fmt: skip
    await _write(
        tx,
        "insert into assignment (assignment_id, enterprise_id, campaign_id, institution_id,"
        " region_code, round, assigned_on) select * from unnest($1::uuid[], $2::uuid[], $3::uuid[],"
        " $4::uuid[], $5::text[], $6::int[], $7::date[]) on conflict (assignment_id) do update set"
        " region_code = excluded.region_code, round = excluded.round,"
        " assigned_on = excluded.assigned_on",
        rows,
        7,
    )


async def save_endings(events: Sequence[EnterpriseUnassigned], tx: Transaction) -> None:
    """The day from which an assignment no longer holds; visits made before it stay."""
    rows = [
        (e.assignment_id, e.enterprise_id, e.campaign_id, e.institution_id, e.unassigned_on)
        for e in last_of_each(events, lambda e: e.assignment_id)
        if e.institution_id is not None
    ]
    await _write(
        tx,
        "insert into assignment (assignment_id, enterprise_id, campaign_id, institution_id,"
        " ended_on) select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[],"
        " $5::date[]) on conflict (assignment_id) do update set ended_on = excluded.ended_on",
        rows,
        5,
    )


async def save_contacts(events: Sequence[ContactNamed], tx: Transaction) -> None:
    """The branch and the person that answer for an enterprise (JS-08)."""
    rows = [
        (e.assignment_id, e.enterprise_id, e.campaign_id, e.institution_id, e.outlet_id, e.staff_id,
         e.named_on)
        for e in last_of_each(events, lambda e: e.assignment_id)
    ]  # fmt: skip
    await _write(
        tx,
        "insert into assignment (assignment_id, enterprise_id, campaign_id, institution_id,"
        " outlet_id, staff_id, named_on) select * from unnest($1::uuid[], $2::uuid[], $3::uuid[],"
        " $4::uuid[], $5::uuid[], $6::uuid[], $7::date[]) on conflict (assignment_id) do update set"
        " outlet_id = excluded.outlet_id, staff_id = excluded.staff_id,"
        " named_on = excluded.named_on",
        rows,
        7,
    )
