"""Accounts and what they may be."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.contracts.identity import Role
from shared.kernel.errors import FieldError

BANK_ROLES: tuple[Role, ...] = ("bank_head", "branch_head", "relationship_manager", "bank_core")
MAX_FAILURES = 10
LOCK_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person's or machine's account; `password_hash` is None until it is activated."""

    account_id: UUID
    username: str
    role: Role
    institution_id: UUID | None
    outlet_id: UUID | None
    staff_id: UUID | None
    region_code: str | None
    active: bool
    password_hash: str | None = None
    activation_hash: bytes | None = None
    activation_until: datetime | None = None
    failures: int = 0
    locked_until: datetime | None = None


def place_errors(
    role: Role,
    *,
    institution_id: UUID | None,
    outlet_id: UUID | None,
    staff_id: UUID | None,
    region_code: str | None,
) -> list[FieldError]:
    """What an account of this role lacks to have a place in the organisation tree.

    Source: permission matrix; a row without its owner would be seen by everyone or by nobody.
    """
    wanted: list[tuple[str, object]] = []
    if role in BANK_ROLES:
        wanted.append(("institution_id", institution_id))
    if role in ("branch_head", "relationship_manager"):
        wanted += [("outlet_id", outlet_id), ("staff_id", staff_id)]
    if role == "bureau":
        wanted.append(("region_code", region_code))
    return [
        FieldError(where, "account.place_missing", f"角色 {role} 需要填写 {where}")
        for where, value in wanted
        if value is None
    ]
