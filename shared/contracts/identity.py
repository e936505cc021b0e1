"""Identity: who may act. Ids and roles only."""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from shared.contracts.event import Event, RegionCode, contract

TOPIC = "identity.events"

Role = Literal[
    "platform_admin", "province_regulator", "bureau", "bank_head",
    "branch_head", "relationship_manager", "bank_core",
]  # fmt: skip


@contract(topic=TOPIC, key="account_id", business_on="opened_on")
class AccountOpened(Event, frozen=True, kw_only=True):
    """An account was opened for a person or a machine client."""

    account_id: UUID
    role: Role
    institution_id: UUID | None
    outlet_id: UUID | None
    staff_id: UUID | None
    region_code: RegionCode | None
    opened_on: date


@contract(topic=TOPIC, key="account_id", business_on="revoked_on")
class AccessRevoked(Event, frozen=True, kw_only=True):
    """An account may act no more: every service refuses its tokens from now on."""

    account_id: UUID
    revoked_on: date
