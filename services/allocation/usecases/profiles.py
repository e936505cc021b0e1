"""Profiles as data: list, check, edit as a new version, amend a running campaign (M4)."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import UUID

import msgspec

from services.allocation.domain.profile import Profile, parse_profile
from services.allocation.store import profiles
from services.allocation.store.campaigns import Campaign
from services.allocation.store.profiles import Amendment, StoredProfile
from services.allocation.usecases.finding import running_one
from shared.contracts.allocation import CampaignAmended
from shared.kernel.errors import BadInput, Conflict, NotFound
from shared.platform.database import Transaction

UNCHANGEABLE = ("code", "scope", "tiers", "matched")


@dataclass(frozen=True, slots=True)
class SaveProfile:
    """A new version of a profile, or a new one."""

    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Amend:
    """Other settings for a campaign that runs."""

    campaign_id: UUID
    document: dict[str, Any]
    reason: str


@cache
def shipped() -> dict[str, bytes]:
    """The shipped profile documents, by code."""
    folder = files("services.allocation.domain") / "profiles"
    found = [one.read_bytes() for one in folder.iterdir() if one.name.endswith(".json")]
    return {parse_profile(msgspec.json.decode(one)).code: one for one in found}


async def all_profiles(tx: Transaction) -> list[StoredProfile]:
    """The newest version of every profile, shipped or edited, by code."""
    found = {
        code: StoredProfile(code, profile["version"], profile)
        for code, raw in shipped().items()
        for profile in (msgspec.json.decode(raw, type=dict[str, Any]),)
    }
    found |= {one.code: one for one in await profiles.newest(tx)}
    return [found[code] for code in sorted(found)]


async def find_profile(tx: Transaction, code: str) -> StoredProfile:
    """The newest version of a profile.

    Raises: NotFound `profile.unknown`.
    """
    for one in await all_profiles(tx):
        if one.code == code:
            return one
    raise NotFound("profile.unknown", "没有这个活动方案模板")


async def save_profile(command: SaveProfile, tx: Transaction) -> StoredProfile:
    """Keep a checked document as the next version; earlier ones and campaigns stay as they are.

    Raises: BadInput `profile.invalid`; Conflict `profile.not_next_version`.
    """
    profile = parse_profile(command.document)
    known = {one.code: one.version for one in await all_profiles(tx)}
    following = known.get(profile.code, 0) + 1
    stored = StoredProfile(profile.code, profile.version, command.document)
    if profile.version != following or not await profiles.add(tx, stored):
        raise Conflict(
            "profile.not_next_version", "版本号不连续", f"{profile.code} 的下一版本应为 {following}"
        )
    tx.audit("profile.saved", f"{profile.code} v{profile.version}")
    return stored


async def amend(command: Amend, tx: Transaction) -> Amendment:
    """Change a running campaign's calendar, weights, bands, capacity, rotation or bulletin.

    Raises: NotFound `campaign.unknown`; BadInput `profile.invalid`,
    `profile.calendar_out_of_order`, `amendment.not_allowed`, `amendment.nothing_changed`; Conflict
    `campaign.closed`.
    """
    campaign = await running_one(tx, command.campaign_id, lock=True)
    profile = parse_profile(command.document)
    changed = _changed(campaign.profile, profile)
    if not changed:
        raise BadInput("amendment.nothing_changed", "没有任何变更")
    dates = profile.dates(campaign.dates.opens_on)
    document = msgspec.json.encode(command.document)
    number = await profiles.amend(
        tx, campaign.campaign_id, document, dates, changed=changed, reason=command.reason
    )
    _announce(campaign, profile, number, changed, tx)
    return Amendment(number, changed, command.reason, tx.today)


def _changed(before: Profile, after: Profile) -> tuple[str, ...]:
    names = [name for name in Profile.__slots__ if name != "version"]
    changed = tuple(name for name in names if getattr(before, name) != getattr(after, name))
    if wrong := [name for name in changed if name in UNCHANGEABLE]:
        raise BadInput(
            "amendment.not_allowed",
            "活动开始后不能变更",
            f"{'、'.join(wrong)};名单范围、层级与“对接成功”的定义请另开活动",
        )
    return changed


def _announce(
    campaign: Campaign, profile: Profile, number: int, changed: tuple[str, ...], tx: Transaction
) -> None:
    dates = profile.dates(campaign.dates.opens_on)
    tx.emit(
        CampaignAmended(
            campaign_id=campaign.campaign_id,
            number=number,
            profile=profile.code,
            profile_version=profile.version,
            changed=changed,
            visits_from=dates.visits_from,
            visits_until=dates.visits_until,
            contacts_due_on=dates.contacts_due_on,
            rotation_on=dates.rotation_on,
            amended_on=tx.today,
            list_vintage=campaign.list_vintage,
            opens_on=dates.opens_on,
        )
    )
    tx.audit("campaign.amended", campaign.campaign_id, after={"changed": list(changed)})
