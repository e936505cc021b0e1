"""Identity: who may act. Ids and roles only."""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from shared.contracts.event import Code, Data, Event, Instant, RegionCode, contract, upcast

TOPIC = "identity.events"

Role = Literal[
    "platform_admin", "province_regulator", "bureau", "st_bureau", "bank_head",
    "branch_head", "relationship_manager", "association", "enterprise", "expert",
    "bank_core", "auditor",
]  # fmt: skip


@contract(topic=TOPIC, key="account_id", business_on="opened_on", version=2)
class AccountOpened(Event, frozen=True, kw_only=True):
    """An account was opened for a person or a machine client.

    v2: more roles, and `enterprise_id` for those who act for an enterprise.
    """

    account_id: UUID
    role: Role
    institution_id: UUID | None
    outlet_id: UUID | None
    staff_id: UUID | None
    region_code: RegionCode | None
    enterprise_id: UUID | None = None
    opened_on: date


@upcast(AccountOpened, from_version=1)
def _opened_as_before(data: Data) -> Data:
    return data


@contract(topic=TOPIC, key="account_id", business_on="changed_on")
class AccountChanged(Event, frozen=True, kw_only=True):
    """An account has another role or place now, or may act again after it was shut out."""

    account_id: UUID
    role: Role
    institution_id: UUID | None
    outlet_id: UUID | None
    staff_id: UUID | None
    region_code: RegionCode | None
    enterprise_id: UUID | None
    changed_on: date


@contract(topic=TOPIC, key="account_id", business_on="revoked_on")
class AccessRevoked(Event, frozen=True, kw_only=True):
    """An account may act no more: every service refuses its tokens from now on."""

    account_id: UUID
    revoked_on: date


@contract(topic=TOPIC, key="approval_id", business_on="requested_on")
class ApprovalRequested(Event, frozen=True, kw_only=True):
    """Somebody asked for a second person to agree to a call with this body."""

    approval_id: UUID
    action: Code
    subject: Code
    payload_sha256: str
    requested_by: UUID
    expires_at: Instant
    requested_on: date


@contract(topic=TOPIC, key="approval_id", business_on="decided_on")
class ApprovalDecided(Event, frozen=True, kw_only=True):
    """A second person agreed to a call with this body, or did not; nobody decides on its own."""

    approval_id: UUID
    action: Code
    subject: Code
    payload_sha256: str
    approved: bool
    requested_by: UUID
    decided_by: UUID
    expires_at: Instant
    decided_on: date
