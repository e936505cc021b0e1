"""Profiles beside the shipped ones, and what was amended in running campaigns."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from services.allocation.domain.profile import CampaignDates
from shared.platform.database import Transaction


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """A version of a profile, as a document."""

    code: str
    version: int
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Amendment:
    """What changed in a campaign, when and why."""

    number: int
    changed: tuple[str, ...]
    reason: str
    amended_on: date


async def newest(tx: Transaction) -> list[StoredProfile]:
    """The newest stored version of every profile that was edited."""
    driver = await tx.driver()
    rows = await driver.fetch(
        "select distinct on (code) code, version, document from profile order by code, version desc"
    )
    return [StoredProfile(row[0], row[1], _decoded(row[2])) for row in rows]


async def add(tx: Transaction, profile: StoredProfile) -> bool:
    """Enter a version; False where it is there."""
    driver = await tx.driver()
    return bool(
        await driver.fetchval(
            "insert into profile (code, version, document, made_by, made_at)"
            " values ($1, $2, $3, $4, $5) on conflict do nothing returning true",
            profile.code,
            profile.version,
            msgspec.json.encode(profile.document).decode(),
            tx.principal.account_id,
            tx.now,
        )
    )


async def amend(
    tx: Transaction,
    campaign_id: UUID,
    document: bytes,
    dates: CampaignDates,
    *,
    changed: tuple[str, ...],
    reason: str,
) -> int:
    """Give a campaign another document and calendar; the amendment's number."""
    driver = await tx.driver()
    await driver.execute(
        "update campaign set profile_document = $2, visits_from = $3, visits_until = $4,"
        " contacts_due_on = $5, rotation_on = $6 where campaign_id = $1",
        campaign_id, document.decode(), dates.visits_from, dates.visits_until,
        dates.contacts_due_on, dates.rotation_on,
    )  # fmt: skip
    number: Any = await driver.fetchval(
        "insert into amendment (campaign_id, number, document, reason, changed, amended_on,"
        " made_by, made_at) select $1, 1 + coalesce(max(number), 0), $2, $3, $4, $5, $6, $7"
        " from amendment where campaign_id = $1 returning number",
        campaign_id, document.decode(), reason, list(changed), tx.today,
        tx.principal.account_id, tx.now,
    )  # fmt: skip
    return int(number)


async def amendments(tx: Transaction, campaign_id: UUID) -> list[Amendment]:
    """A campaign's amendments, first to last."""
    driver = await tx.driver()
    rows = await driver.fetch(
        "select number, changed, reason, amended_on from amendment where campaign_id = $1"
        " order by number",
        campaign_id,
    )
    return [Amendment(row[0], tuple(row[1]), row[2], row[3]) for row in rows]


def _decoded(value: Any) -> dict[str, Any]:
    return msgspec.json.decode(value) if isinstance(value, str | bytes) else value
