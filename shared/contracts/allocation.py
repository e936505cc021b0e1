"""Allocation: which enterprise is whose, from the campaign's opening to a named person."""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from shared.contracts.event import Code, Event, ListVintage, RegionCode, contract

TOPIC = "allocation.events"

UnassignReason = Literal["rotated", "returned", "superseded", "other"]


@contract(topic=TOPIC, key="campaign_id", business_on="opens_on")
class CampaignOpened(Event, frozen=True, kw_only=True):
    """A campaign began under a profile, on one pinned list vintage (R4)."""

    campaign_id: UUID
    profile: Code
    list_vintage: ListVintage
    opens_on: date
    visits_from: date
    visits_until: date
    contacts_due_on: date
    rotation_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="opens_on")
class EnterpriseEnrolled(Event, frozen=True, kw_only=True):
    """An enterprise of the pinned list takes part in the campaign: it is due a visit (JS-11)."""

    enterprise_id: UUID
    campaign_id: UUID
    list_vintage: ListVintage
    region_code: RegionCode
    opens_on: date


@contract(topic=TOPIC, key="plan_id", business_on="published_on")
class PlanPublished(Event, frozen=True, kw_only=True):
    """A plan became binding; its assignments follow, one event per enterprise."""

    plan_id: UUID
    campaign_id: UUID
    tier: int
    version: int
    assigned: int
    published_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="assigned_on")
class EnterpriseAssigned(Event, frozen=True, kw_only=True):
    """An enterprise was given to a bureau (JS-06) or became an institution's duty (JS-07, JS-19).

    `tier` counts the steps of the campaign's tree. A bureau's names the city in `bureau_code`, the
    one at which the duty begins the `institution_id`; there is one such tier in a tree. `round` is
    1 at first, then counts rotations.
    """

    assignment_id: UUID
    enterprise_id: UUID
    campaign_id: UUID
    tier: int
    bureau_code: RegionCode | None
    institution_id: UUID | None
    region_code: RegionCode
    round: int
    assigned_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="placed_on")
class EnterprisePlaced(Event, frozen=True, kw_only=True):
    """Within its institution an enterprise was given to a branch, or to one of its outlets (JL-31).

    It takes the place of an earlier one of the same tier, and ends with the institution's duty.
    `branch_code` is the branch's city; `outlet_id` None: to the branch as a whole.
    It is for whoever reads the topic from outside, as a bank's own system does: no service of ours
    consumes it.
    """

    assignment_id: UUID
    enterprise_id: UUID
    campaign_id: UUID
    tier: int
    institution_id: UUID
    branch_code: RegionCode
    outlet_id: UUID | None
    placed_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="unassigned_on")
class EnterpriseUnassigned(Event, frozen=True, kw_only=True):
    """An assignment ended from `unassigned_on` on; what was done under it stays."""

    assignment_id: UUID
    enterprise_id: UUID
    campaign_id: UUID
    tier: int
    institution_id: UUID | None
    reason: UnassignReason
    unassigned_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="named_on")
class ContactNamed(Event, frozen=True, kw_only=True):
    """The institution named the responsible branch and the contact person (JS-08)."""

    assignment_id: UUID
    enterprise_id: UUID
    campaign_id: UUID
    institution_id: UUID
    outlet_id: UUID
    staff_id: UUID
    named_on: date


@contract(topic=TOPIC, key="campaign_id", business_on="amended_on")
class CampaignAmended(Event, frozen=True, kw_only=True):
    """A campaign's settings changed while it runs; the dates are those that hold from now on (M4).

    `changed` names the parts of the profile that differ from before. List and opening are those of
    `CampaignOpened`, so that a copy can be written from this event alone.
    """

    campaign_id: UUID
    number: int
    profile: Code
    profile_version: int
    changed: tuple[Code, ...]
    visits_from: date
    visits_until: date
    contacts_due_on: date
    rotation_on: date
    amended_on: date
    list_vintage: ListVintage | None = None
    opens_on: date | None = None


@contract(topic=TOPIC, key="campaign_id", business_on="closed_on")
class CampaignClosed(Event, frozen=True, kw_only=True):
    """A campaign is over: no plan, rotation, claim or return any more, and no visit after that day.

    What was done until then stays, and may still be entered late.
    """

    campaign_id: UUID
    closed_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="asked_on")
class ReturnAsked(Event, frozen=True, kw_only=True):
    """An institution asked its bureau to take an enterprise back; the duty stays until decided."""

    return_id: UUID
    assignment_id: UUID
    enterprise_id: UUID
    campaign_id: UUID
    institution_id: UUID
    reason_code: Code
    asked_on: date
    due_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="decided_on")
class ReturnDecided(Event, frozen=True, kw_only=True):
    """The bureau decided; where not granted, the enterprise stays in the bank's denominator."""

    return_id: UUID
    assignment_id: UUID
    enterprise_id: UUID
    campaign_id: UUID
    institution_id: UUID
    granted: bool
    decided_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="claimed_on")
class EnterpriseClaimed(Event, frozen=True, kw_only=True):
    """An institution took on an enterprise outside its own list, counted apart (JS-21).

    The assigned institution's duty stays what it was.
    """

    claim_id: UUID
    enterprise_id: UUID
    campaign_id: UUID
    institution_id: UUID
    region_code: RegionCode
    claimed_on: date
