"""Campaigns and who takes part in them."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from services.allocation.domain.profile import CampaignDates, Profile, parse_profile
from shared.platform.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign with its calendar; `profile` is the document it was opened under.

    `institution_id` is the bank whose campaign it is, where the tree begins at one.
    """

    campaign_id: UUID
    name: str
    profile: Profile
    list_vintage: str
    dates: CampaignDates
    state: str
    enrolled: int
    job_id: UUID
    closed_on: date | None = None
    close_reason: str | None = None
    institution_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ListCopy:
    """How much of a list vintage has arrived: `known` entries of the `expected` ones."""

    known: int
    expected: int | None

    @property
    def complete(self) -> bool:
        """Whether the import has ended and each of its enterprises is here."""
        return self.expected is not None and self.known >= self.expected


@dataclass(frozen=True, slots=True)
class Enrolled:
    """An enterprise that takes part, with its county on the opening day."""

    enterprise_id: UUID
    region_code: str


_COLUMNS = (
    "campaign_id, name, profile_document, list_vintage, opens_on, visits_from, visits_until,"
    " contacts_due_on, rotation_on, state, enrolled, job_id, closed_on,"
    " close_reason, institution_id"
)


async def list_copy(tx: Transaction, vintage: str) -> ListCopy:
    """How much of a list is known here."""
    driver = await tx.driver()
    row: Any = await driver.fetchrow(
        "select (select count(*) from list_entry where list_vintage = $1) as known,"
        " (select max(taken) from list_import where list_vintage = $1) as expected",
        vintage,
    )
    return ListCopy(int(row["known"]), row["expected"])


async def add(tx: Transaction, campaign: Campaign, document: bytes) -> bool:
    """Enter a campaign; False where one of that name stands on the same list and profile."""
    driver = await tx.driver()
    dates = campaign.dates
    return bool(
        await driver.fetchval(
            "insert into campaign (campaign_id, profile, profile_document, name, list_vintage,"
            " opens_on, visits_from, visits_until, contacts_due_on, rotation_on, state, job_id,"
            " created_by, created_at, institution_id)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
            " on conflict (list_vintage, profile, name) do nothing returning true",
            campaign.campaign_id,
            campaign.profile.code,
            document.decode(),
            campaign.name,
            campaign.list_vintage,
            dates.opens_on,
            dates.visits_from,
            dates.visits_until,
            dates.contacts_due_on,
            dates.rotation_on,
            campaign.state,
            campaign.job_id,
            tx.principal.account_id,
            tx.now,
            campaign.institution_id,
        )
    )


async def find(tx: Transaction, campaign_id: UUID, *, lock: bool = False) -> Campaign | None:
    """One campaign; locked, no other plan of it is published meanwhile."""
    driver = await tx.driver()
    row = await driver.fetchrow(
        f"select {_COLUMNS} from campaign where campaign_id = $1{' for update' if lock else ''}",
        campaign_id,
    )
    return _campaign(row) if row else None


async def all_of_them(tx: Transaction) -> list[Campaign]:
    """All campaigns, newest first."""
    driver = await tx.driver()
    rows = await driver.fetch(
        f"select {_COLUMNS} from campaign order by opens_on desc, created_at desc limit 500"
    )
    return [_campaign(row) for row in rows]


def _campaign(row: Any) -> Campaign:
    document = row["profile_document"]
    profile = parse_profile(
        msgspec.json.decode(document) if isinstance(document, str) else document
    )
    return Campaign(
        campaign_id=row["campaign_id"],
        name=row["name"],
        profile=profile,
        list_vintage=row["list_vintage"],
        dates=CampaignDates(
            row["opens_on"],
            contacts_due_on=row["contacts_due_on"],
            visits_from=row["visits_from"],
            visits_until=row["visits_until"],
            rotation_on=row["rotation_on"],
        ),
        state=row["state"],
        enrolled=row["enrolled"],
        job_id=row["job_id"],
        closed_on=row["closed_on"],
        close_reason=row["close_reason"],
        institution_id=row["institution_id"],
    )


async def enrol_next(tx: Transaction, campaign: Campaign, limit: int) -> list[Enrolled]:
    """Enter the next enterprises of the list, by id, that are not in yet."""
    driver = await tx.driver()
    rows = await driver.fetch(
        "insert into enrolment (campaign_id, enterprise_id, region_code)"
        " select $1, l.enterprise_id, coalesce(c.region_code, l.region_code)"
        " from list_entry l left join lateral (select region_code from enterprise_change e"
        "   where e.enterprise_id = l.enterprise_id and e.valid_from >= l.listed_on"
        "   and e.valid_from <= $3 order by e.valid_from desc limit 1) c on true"
        " where l.list_vintage = $2 and not exists (select from enrolment n"
        "   where n.campaign_id = $1 and n.enterprise_id = l.enterprise_id)"
        " and coalesce(c.region_code, l.region_code) like $4"
        # Two that are one take part once (R3).
        " and not exists (select from merger m join list_entry s on s.list_vintage = $2"
        "   and s.enterprise_id = m.survivor_id where m.merged_id = l.enterprise_id"
        "   and m.merged_on <= $3)"
        " order by l.enterprise_id limit $5 returning enterprise_id, region_code",
        campaign.campaign_id,
        campaign.list_vintage,
        campaign.dates.opens_on,
        f"{campaign.profile.scope.province_code[:2]}%",
        limit,
    )
    return [Enrolled(row["enterprise_id"], row["region_code"]) for row in rows]


async def finish_enrolment(tx: Transaction, campaign_id: UUID) -> int:
    """The list of a running campaign is entered: it is open; how many take part."""
    driver = await tx.driver()
    return int(
        await driver.fetchval(
            "update campaign set state = 'open',"
            " enrolled = (select count(*) from enrolment where campaign_id = $1)"
            " where campaign_id = $1 returning enrolled",
            campaign_id,
        )
        or 0
    )


async def close(tx: Transaction, campaign_id: UUID, reason: str) -> None:
    """End a locked campaign today."""
    driver = await tx.driver()
    await driver.execute(
        "update campaign set state = 'closed', closed_on = $2, closed_by = $3, close_reason = $4"
        " where campaign_id = $1",
        campaign_id,
        tx.today,
        tx.principal.account_id,
        reason,
    )


async def enrol_again(tx: Transaction, campaign_id: UUID) -> bool:
    """Whether the job that entered a locked campaign's list has failed, and left it unfinished."""
    driver = await tx.driver()
    return bool(
        await driver.fetchval(
            "select j.state = 'failed' from campaign c join job j using (job_id)"
            " where c.campaign_id = $1 and c.state = 'enrolling'",
            campaign_id,
        )
    )


async def set_job(tx: Transaction, campaign_id: UUID, job_id: UUID) -> None:
    """Another job enters the list."""
    driver = await tx.driver()
    await driver.execute(
        "update campaign set job_id = $2 where campaign_id = $1", campaign_id, job_id
    )


async def note_enrolled(tx: Transaction, campaign_id: UUID, more: int) -> None:
    """Count enterprises entered so far."""
    driver = await tx.driver()
    await driver.execute(
        "update campaign set enrolled = enrolled + $2 where campaign_id = $1", campaign_id, more
    )
