"""Credit: applications and decisions, lines in force, loans and the money that moves under them.

`institution_id`/`outlet_id` are the booking institution and outlet; `region_code` is the
enterprise's county as credit knew it on the business day. Amounts are integer fen.
"""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from shared.contracts.event import Code, Event, Fen, Instant, RegionCode, contract

TOPIC = "credit.events"

SecurityType = Literal["pledge", "mortgage", "guarantee", "unsecured", "ip_pledge", "other"]
OriginType = Literal["new", "extension", "refinancing", "restructuring", "renewal"]


@contract(topic=TOPIC, key="enterprise_id", business_on="filed_on")
class ApplicationFiled(Event, frozen=True, kw_only=True):
    """An enterprise applied for a product at an institution."""

    application_id: UUID
    enterprise_id: UUID
    institution_id: UUID
    outlet_id: UUID
    region_code: RegionCode
    product_code: Code
    amount_fen: Fen
    filed_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="decided_on")
class ApplicationDecided(Event, frozen=True, kw_only=True):
    """The bank, alone, decided (JS-03): a decline has a coded reason, an approval its amount."""

    application_id: UUID
    enterprise_id: UUID
    institution_id: UUID
    outlet_id: UUID
    region_code: RegionCode
    approved: bool
    amount_fen: Fen
    reason_code: Code | None
    decided_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="approved_on")
class CreditLineApproved(Event, frozen=True, kw_only=True):
    """A credit line (授信) was approved, in force from `valid_from` to `valid_until` inclusive."""

    line_id: UUID
    enterprise_id: UUID
    institution_id: UUID
    outlet_id: UUID
    region_code: RegionCode
    amount_fen: Fen
    valid_from: date
    valid_until: date
    approved_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="granted_on")
class LoanGranted(Event, frozen=True, kw_only=True):
    """A loan was signed. Money has not moved yet: that is `LoanDrawn`.

    `origin` other than `new` is no new money (ST-10). `booked_at` orders two first loans of one
    day; `first_loan_claimed` is the bank's own statement, never a ruling (ST-02).
    """

    loan_id: UUID
    line_id: UUID | None
    enterprise_id: UUID
    institution_id: UUID
    outlet_id: UUID
    region_code: RegionCode
    amount_fen: Fen
    origin: OriginType
    securities: tuple[SecurityType, ...]
    annual_rate_bp: int
    booked_at: Instant
    first_loan_claimed: bool | None
    granted_on: date
    matures_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="drawn_on")
class LoanDrawn(Event, frozen=True, kw_only=True):
    """Money was paid out under a loan: what 累放 sums (ST-04)."""

    drawdown_id: UUID
    loan_id: UUID
    enterprise_id: UUID
    institution_id: UUID
    outlet_id: UUID
    region_code: RegionCode
    amount_fen: Fen
    new_money: bool
    drawn_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="repaid_on")
class RepaymentBooked(Event, frozen=True, kw_only=True):
    """Principal was repaid; interest is no part of it."""

    repayment_id: UUID
    loan_id: UUID
    enterprise_id: UUID
    institution_id: UUID
    outlet_id: UUID
    principal_fen: Fen
    repaid_on: date


@contract(topic=TOPIC, key="enterprise_id", business_on="reversed_on")
class LoanReversed(Event, frozen=True, kw_only=True):
    """A drawdown was booked back (冲正): a new negative fact on its own business date (ST-10)."""

    reversal_id: UUID
    drawdown_id: UUID
    loan_id: UUID
    enterprise_id: UUID
    institution_id: UUID
    outlet_id: UUID
    amount_fen: Fen
    new_money: bool
    reversed_on: date
