"""Visits: what a bank's people did on site and what the enterprise needs."""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from shared.contracts.event import Code, Event, Fen, RegionCode, contract

TOPIC = "visits.events"

Missing = Literal["photo", "place", "interviewee", "team"]


@contract(topic=TOPIC, key="enterprise_id", business_on="visited_on")
class VisitLogged(Event, frozen=True, kw_only=True):
    """A visit was recorded; `complete` with photo, place and interviewee (JS-10), else `missing`.

    Only complete visits count as coverage. `region_code` is the enterprise's county as visits knew
    it.
    """

    visit_id: UUID
    enterprise_id: UUID
    campaign_id: UUID
    institution_id: UUID
    outlet_id: UUID
    staff_ids: tuple[UUID, ...]
    region_code: RegionCode
    remote: bool
    complete: bool
    missing: tuple[Missing, ...]
    photos: int
    told_campaign: bool
    visited_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="voided_on")
class VisitVoided(Event, frozen=True, kw_only=True):
    """A visit record was never true: it leaves every figure, past ones too (ST-10, V12)."""

    visit_id: UUID
    enterprise_id: UUID
    campaign_id: UUID
    institution_id: UUID
    reason: Code
    voided_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="recorded_on")
class NeedRecorded(Event, frozen=True, kw_only=True):
    """A financing need was stated during a visit (JS-20). Text stays with visits."""

    need_id: UUID
    visit_id: UUID
    enterprise_id: UUID
    campaign_id: UUID
    institution_id: UUID
    region_code: RegionCode
    amount_fen: Fen
    purpose: Code
    term_months: int
    recorded_on: date
