"""Accounts and what they may be."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from shared.contracts.identity import Role
from shared.kernel.errors import FieldError
from shared.platform.principal import Principal

BANK_ROLES: tuple[Role, ...] = ("bank_head", "branch_head", "relationship_manager", "bank_core")
#: Roles that sit at a console and see more than their own customers.
CONSOLE_ROLES: tuple[Role, ...] = (
    "platform_admin", "province_regulator", "bureau", "bank_head", "association", "auditor",
)  # fmt: skip
#: Failed sign-ins until a name is shut for a while: at first one minute, then twice as long.
MAX_FAILURES, LOCK_SECONDS, LONGEST_LOCK_SECONDS = 10, 60, 900


class Place(Protocol):
    """Where somebody stands in the organisation tree."""

    @property
    def institution_id(self) -> UUID | None: ...
    @property
    def outlet_id(self) -> UUID | None: ...
    @property
    def region_code(self) -> str | None: ...


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
    enterprise_id: UUID | None = None
    active: bool
    password_hash: str | None = None
    activation_hash: bytes | None = None
    activation_until: datetime | None = None
    version: int = 1


def place_errors(
    role: Role,
    *,
    institution_id: UUID | None,
    outlet_id: UUID | None,
    staff_id: UUID | None,
    region_code: str | None,
    enterprise_id: UUID | None,
) -> list[FieldError]:
    """What an account of this role lacks to have a place in the organisation tree.

    Source: permission matrix; a row without its owner would be seen by everyone or by nobody.
    """
    wanted: list[tuple[str, object]] = []
    if role in BANK_ROLES:
        wanted.append(("institution_id", institution_id))
    if role in ("branch_head", "relationship_manager"):
        wanted += [("outlet_id", outlet_id), ("staff_id", staff_id)]
    if role in ("bureau", "st_bureau"):
        wanted.append(("region_code", region_code))
    if role == "enterprise":
        wanted.append(("enterprise_id", enterprise_id))
    return [
        FieldError(where, "account.place_missing", f"角色 {role} 需要填写 {where}")
        for where, value in wanted
        if value is None
    ]


def needs_second_factor(role: Role) -> bool:
    """Whether an account of this role signs in with two factors only."""
    return role in CONSOLE_ROLES


def may_manage(principal: Principal, role: Role, place: Place) -> bool:
    """Whether the caller opens, changes and shuts accounts of this role and place.

    A bank's head office has its own people below it, a branch head its managers, a bureau the
    bureaus of its city; the province everyone but the platform's operator.
    """
    if principal.role == "bank_head":
        below = role in ("branch_head", "relationship_manager")
        return below and place.institution_id == principal.institution_id
    if principal.role == "branch_head":
        own = place.outlet_id is not None and place.outlet_id == principal.outlet_id
        return own and role == "relationship_manager"
    if principal.role == "bureau":
        city = principal.city_prefix()
        return role == "bureau" and bool(city) and (place.region_code or "").startswith(city)
    if principal.role == "province_regulator":
        return role != "platform_admin"
    return principal.role in (None, "platform_admin")
