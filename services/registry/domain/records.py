"""What a checked row is: taken as a record of its kind, or rejected with its reasons.

The checking process hands these to the importing one, so they are flat and quick to encode.
"""

from datetime import date
from typing import Literal
from uuid import UUID

import msgspec

Kind = Literal["enterprises", "institutions", "outlets", "staff", "facts"]
Outcome = Literal["taken", "refused", "doubtful"]


class Reason(msgspec.Struct, frozen=True, array_like=True):
    """Why a row was not taken, or what was noticed, with the value that stands there."""

    column: str
    code: str
    message: str
    value: str


class Record(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What every taken row has; `row` counts from 1, `digest` stands for the content."""

    row: int
    key: str
    digest: bytes
    notes: tuple[Reason, ...] = ()


class EnterpriseRow(Record, frozen=True, array_like=True, kw_only=True):
    """An enterprise as a list describes it."""

    enterprise_id: UUID
    name: str
    registration_no: str
    legal_representative: str
    phone: str
    registered_address: str
    business_address: str
    region_code: str
    longitude_e6: int
    latitude_e6: int
    precision: Literal["point", "county", "city"]
    industry_code: str | None
    has_loan: bool | None
    founded_on: date | None
    employees: int | None
    revenue_fen: int | None
    rd_fen: int | None
    datum: str = "WGS-84"


class InstitutionRow(Record, frozen=True, array_like=True, kw_only=True):
    """A bank institution."""

    institution_id: UUID
    name: str
    institution_type: str
    uscc: str


class OutletRow(Record, frozen=True, array_like=True, kw_only=True):
    """A bank outlet; `institution_name` is filled where the institution was read from the name."""

    outlet_id: UUID
    institution_id: UUID
    institution_code: str
    institution_name: str
    institution_type: str
    code: str
    name: str
    address: str
    region_code: str
    longitude_e6: int
    latitude_e6: int
    precision: Literal["point", "county", "city"]
    relationship_managers: int
    service_capacity: int | None
    datum: str = "WGS-84"


class StaffRow(Record, frozen=True, array_like=True, kw_only=True):
    """A person on a bank's roster."""

    staff_id: UUID
    institution_id: UUID
    outlet_id: UUID
    code: str
    name: str
    role: str
    valid_from: date
    valid_to: date | None


class FactRow(Record, frozen=True, array_like=True, kw_only=True):
    """What was filed for an enterprise; `facts` is JSON, in the catalogue's names and units."""

    enterprise_id: UUID
    facts: str


class Rejected(msgspec.Struct, frozen=True, array_like=True):
    """A row that is not taken."""

    row: int
    key: str
    outcome: Literal["refused", "doubtful"]
    reasons: tuple[Reason, ...]


AnyRecord = EnterpriseRow | InstitutionRow | OutletRow | StaffRow | FactRow
RECORDS: dict[Kind, type[AnyRecord]] = {
    "enterprises": EnterpriseRow,
    "institutions": InstitutionRow,
    "outlets": OutletRow,
    "staff": StaffRow,
    "facts": FactRow,
}
