"""All that one report is judged against, in one round trip.

A report is the hottest write of the platform on the last days of a campaign, and what it costs is
round trips: so campaign, assignment, place, roster, photos and an earlier record come in one row.
"""

from uuid import UUID

import asyncpg
import msgspec

from services.visits.domain.model import (
    Assigned,
    CampaignDates,
    EnterprisePlace,
    Ground,
    PhotoFact,
    Recorded,
    RosterPeriod,
    VisitReport,
)
from services.visits.store.places import PLACE_ON
from shared.platform.database import Transaction
from shared.platform.vault import Wrapped

_GROUND = f"""
select v.institution_id as v_institution_id, v.content_hash, v.missing, v.flags,
       c.opens_on, c.visits_from, c.visits_until, c.closed_on,
       a.assignment_id, a.region_code as a_region_code, a.assigned_on,
       e.region_code, e.longitude_e6, e.latitude_e6, e.precision,
       (select json_agg(r)::text from roster_of($6) r) as roster,
       (select json_agg(json_build_object('photo_id', p.photo_id, 'visit_id', p.visit_id,
            'seen_before', photo_served(p.original_sha256, $1)))::text
        from photo p where p.photo_id = any($7) and p.institution_id = $4) as photos,
       k.master, k.wrapped
from (values (1)) as one
left join visit v on v.visit_id = $1
left join data_key k on k.subject_id = $3
left join campaign c on c.campaign_id = $2
left join lateral (
    select * from assignment where enterprise_id = $3 and campaign_id = $2 and institution_id = $4
       and (ended_on is null or ended_on > $5) order by ended_on desc nulls first limit 1) a on true
left join lateral ({PLACE_ON.format(enterprise="$3", day="$5")}) e on true
"""

_ROSTER = msgspec.json.Decoder(tuple[RosterPeriod, ...])
_PHOTOS = msgspec.json.Decoder(tuple[PhotoFact, ...])


async def load(
    report: VisitReport, institution_id: UUID, tx: Transaction
) -> tuple[Ground, Wrapped | None]:
    """What the platform knows that bears on the report, for one institution; the words' key."""
    driver = await tx.driver()
    row = await driver.fetchrow(
        _GROUND,
        report.visit_id,
        report.campaign_id,
        report.enterprise_id,
        institution_id,
        report.visited_on,
        report.staff_ids,
        report.photo_ids,
    )
    assert row is not None  # the outer joins always give one row
    photos = _PHOTOS.decode(row["photos"]) if row["photos"] else ()
    ground = Ground(
        _recorded(row),
        _campaign(row),
        _assignment(row),
        _place(row),
        _ROSTER.decode(row["roster"]) if row["roster"] else (),
        {photo.photo_id: photo for photo in photos},
    )
    return ground, Wrapped(row["master"], row["wrapped"]) if row["wrapped"] else None


async def load_recorded(visit_id: UUID, tx: Transaction) -> Recorded | None:
    """The visit that took this id first."""
    driver = await tx.driver()
    row = await driver.fetchrow(
        "select institution_id as v_institution_id, content_hash, missing, flags from visit"
        " where visit_id = $1",
        visit_id,
    )
    return _recorded(row) if row else None


def _recorded(row: asyncpg.Record) -> Recorded | None:
    if row["v_institution_id"] is None:
        return None
    return Recorded(
        row["v_institution_id"], row["content_hash"], tuple(row["missing"]), tuple(row["flags"])
    )


def _campaign(row: asyncpg.Record) -> CampaignDates | None:
    if row["opens_on"] is None:
        return None
    return CampaignDates(row["opens_on"], row["visits_from"], row["visits_until"], row["closed_on"])


def _assignment(row: asyncpg.Record) -> Assigned | None:
    if row["assignment_id"] is None:
        return None
    return Assigned(row["assignment_id"], row["a_region_code"], row["assigned_on"])


def _place(row: asyncpg.Record) -> EnterprisePlace | None:
    if row["region_code"] is None:
        return None
    return EnterprisePlace(
        row["region_code"],
        row["longitude_e6"] / 1e6,
        row["latitude_e6"] / 1e6,
        row["precision"],
    )
