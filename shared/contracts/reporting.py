"""Reporting: figures that were put in print."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from shared.contracts.event import Event, Instant, contract

TOPIC = "reporting.events"


@contract(topic=TOPIC, key="bulletin_id", business_on="published_on")
class BulletinPublished(Event, frozen=True, kw_only=True):
    """An edition of a quarterly bulletin was issued and never changes (ST-06)."""

    bulletin_id: UUID
    campaign_id: UUID
    quarter: str
    edition: int
    known_at: Instant
    sha256: str
    published_on: date
