"""What the registry answers: single enterprises, lists of them, banks and their people."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from services.registry.store import persons
from shared.platform.database import Transaction
from shared.platform.principal import SYSTEM, Principal

_BANK_ROLES: Final = ("bank_head", "branch_head", "relationship_manager", "bank_core")
_ASSIGNED: Final = (
    "exists (select from access a where a.enterprise_id = e.enterprise_id"
    " and a.institution_id = :scope_institution)"
)
_FOUND_BY_NAME: Final = (
    "(e.enterprise_id in (select n.enterprise_id from enterprise_name n where n.name like :name)"
    " or e.uscc like :uscc)"
)
_SCANNED_BY_NAME: Final = "(e.name like :name or e.uscc like :uscc)"
_ENTERPRISE = (
    "e.enterprise_id, e.uscc, e.name, e.registration_no, e.founded_on, e.registered_address,"
    " e.business_address, e.region_code, e.longitude_e6, e.latitude_e6, e.precision,"
    " e.datum, e.industry_code, e.has_loan, e.employees, e.list_vintage, e.version,"
    f" {persons.COLUMNS}"
)
_PERSON: Final = persons.JOIN.format(subject="e.enterprise_id")


@dataclass(frozen=True, slots=True)
class Enterprise:
    """An enterprise as it stands now, its persons masked."""

    enterprise_id: UUID
    uscc: str
    name: str
    registration_no: str
    founded_on: date | None
    registered_address: str
    business_address: str
    region_code: str
    longitude_e6: int
    latitude_e6: int
    precision: str
    datum: str
    industry_code: str | None
    has_loan: bool | None
    employees: int | None
    list_vintage: str
    version: int
    legal_representative: str
    phone: str


@dataclass(frozen=True, slots=True)
class Slice:
    """What held of an enterprise from a day on."""

    valid_from: date
    region_code: str
    industry_code: str | None
    longitude_e6: int
    latitude_e6: int
    precision: str
    address: str
    reason: str
    recorded_at: datetime
    datum: str = "WGS-84"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which enterprises are asked for; what is None does not matter."""

    q: str | None = None
    region: str | None = None
    industry: str | None = None
    has_loan: bool | None = None
    list_vintage: str | None = None
    ids: tuple[UUID, ...] | None = None
    after: str | None = None
    limit: int = 50


def scope(principal: Principal) -> tuple[str, dict[str, Any]]:
    """The condition on `e` for what a caller may see, with its parameters."""
    if principal.sees_all:
        return "true", {}
    if principal.role == "bureau":
        return "e.region_code like :city", {"city": principal.city_prefix() + "%"}
    if principal.role in _BANK_ROLES:
        return _ASSIGNED, {"scope_institution": principal.institution_id}
    if principal.role == "enterprise":
        return "e.enterprise_id = :own", {"own": principal.enterprise_id}
    return "false", {}


async def find_enterprise(
    tx: Transaction, enterprise_id: UUID, *, lock: bool = False, scoped: bool = True
) -> Enterprise | None:
    """An enterprise the caller may see; any, where `scoped` is off."""
    condition, parameters = scope(tx.principal if scoped else SYSTEM)
    found = await tx.connection.execute(
        text(
            f"select {_ENTERPRISE} from enterprise e{_PERSON}"
            f" where e.enterprise_id = :id and {condition}" + (" for update of e" if lock else "")
        ),
        {"id": enterprise_id} | parameters,
    )
    row = found.one_or_none()
    return _enterprise(row) if row else None


def _enterprise(row: Sequence[Any]) -> Enterprise:
    *fields, box, master, wrapped = row
    person = persons.opened(fields[0], box, master, wrapped).masked()
    values: list[Any] = [*fields, person.name, person.phone]
    return Enterprise(**dict(zip(Enterprise.__slots__, values, strict=True)))


async def find_enterprises(tx: Transaction, wanted: Wanted) -> list[Enterprise]:
    """Enterprises the caller may see, by credit code; one more than asked for, if there are."""
    condition, parameters = scope(tx.principal)
    conditions = [condition]

    def where(sql: str, **values: Any) -> None:
        conditions.append(sql)
        parameters.update(values)

    if wanted.q:
        where(
            _FOUND_BY_NAME if await _names_found(tx) else _SCANNED_BY_NAME,
            name=f"%{_literal(wanted.q)}%",
            uscc=f"{_literal(wanted.q.upper())}%",
        )
    if wanted.region:
        where("e.region_code like :region", region=f"{_region_prefix(wanted.region)}%")
    if wanted.industry:
        where("e.industry_code = :industry", industry=wanted.industry)
    if wanted.has_loan is not None:
        where("e.has_loan = :has_loan", has_loan=wanted.has_loan)
    if wanted.list_vintage:
        where(
            "exists (select from list_member m where m.list_vintage = :vintage"
            " and m.enterprise_id = e.enterprise_id)",
            vintage=wanted.list_vintage,
        )
    if wanted.ids is not None:
        where("e.enterprise_id = any(:ids)", ids=list(wanted.ids))
    else:
        where("e.merged_into is null")
    if wanted.after:
        where("e.uscc > :after", after=wanted.after)
    found = await tx.connection.execute(
        text(
            f"select {_ENTERPRISE} from enterprise e{_PERSON}"
            f" where {' and '.join(conditions)} order by e.uscc limit :limit"
        ),
        parameters | {"limit": wanted.limit + 1},
    )
    return [_enterprise(row) for row in found]


async def _names_found(tx: Transaction) -> bool:
    """Whether the search table has all names: not while an import is under way."""
    found = await tx.connection.execute(
        text("select exists (select from import where not names_found)")
    )
    return not found.scalar_one()


def _literal(text_: str) -> str:
    return text_.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")


def _region_prefix(code: str) -> str:
    """320000 → 32, 320500 → 3205, 320505 stays: a region's code with its empty levels cut off."""
    return code.removesuffix("0000") if code.endswith("0000") else code.removesuffix("00")


async def slices_of(tx: Transaction, enterprise_id: UUID) -> list[Slice]:
    """An enterprise's history, the oldest first."""
    found = await tx.connection.execute(
        text(
            "select valid_from, region_code, industry_code, longitude_e6, latitude_e6, precision,"
            " address, reason, recorded_at, datum from enterprise_slice where enterprise_id = :id"
            " order by valid_from"
        ),
        {"id": enterprise_id},
    )
    return [Slice(*row) for row in found]


async def vintages_of(tx: Transaction, enterprise_id: UUID) -> list[str]:
    """The lists an enterprise stands on."""
    found = await tx.connection.execute(
        text(
            "select list_vintage from list_member where enterprise_id = :id order by list_vintage"
        ),
        {"id": enterprise_id},
    )
    return [row.list_vintage for row in found]


async def change_enterprise(tx: Transaction, enterprise_id: UUID, new: Slice) -> None:
    """Store a slice and make it the present one; an address goes to the business address."""
    values = {name: getattr(new, name) for name in Slice.__slots__} | {"id": enterprise_id}
    await tx.connection.execute(
        text(
            "insert into enterprise_slice (enterprise_id, valid_from, region_code, industry_code,"
            " longitude_e6, latitude_e6, precision, address, reason, recorded_at, datum)"
            " values (:id, :valid_from, :region_code, :industry_code, :longitude_e6,"
            " :latitude_e6, :precision, :address, :reason, :recorded_at, :datum)"
            " on conflict (enterprise_id, valid_from) do update set"
            " region_code = excluded.region_code, industry_code = excluded.industry_code,"
            " longitude_e6 = excluded.longitude_e6, latitude_e6 = excluded.latitude_e6,"
            " precision = excluded.precision, address = excluded.address,"
            " datum = excluded.datum,"
            " reason = excluded.reason, recorded_at = excluded.recorded_at"
        ),
        values,
    )
    await tx.connection.execute(
        text(
            "update enterprise set region_code = :region_code, industry_code = :industry_code,"
            " longitude_e6 = :longitude_e6, latitude_e6 = :latitude_e6, precision = :precision,"
            " datum = :datum, business_address = :address, version = version + 1"
            " where enterprise_id = :id"
        ),
        values,
    )


@dataclass(frozen=True, slots=True)
class Institution:
    """A bank institution."""

    institution_id: UUID
    institution_code: str
    name: str
    institution_type: str
    active: bool
    valid_from: date


@dataclass(frozen=True, slots=True)
class Outlet:
    """A bank outlet."""

    outlet_id: UUID
    institution_id: UUID
    outlet_code: str
    name: str
    address: str
    region_code: str
    longitude_e6: int
    latitude_e6: int
    precision: str
    relationship_managers: int
    service_capacity: int | None
    active: bool
    valid_from: date


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A person on a bank's roster: by name for the bank itself, masked for all others."""

    staff_id: UUID
    institution_id: UUID
    outlet_id: UUID
    staff_code: str
    name: str
    role: str
    valid_from: date
    valid_to: date | None


async def find_institutions(tx: Transaction, *, after: str | None, limit: int) -> list[Institution]:
    """Institutions by code: public organisations, everyone signed in may know them."""
    found = await tx.connection.execute(
        text(
            "select institution_id, code, name, institution_type, active, valid_from"
            " from institution where cast(:after as text) is null or code > :after"
            " order by code limit :limit"
        ),
        {"after": after, "limit": limit + 1},
    )
    return [Institution(*row) for row in found]


def _bank_scope(principal: Principal, region_column: str) -> tuple[list[str], dict[str, Any]]:
    if principal.sees_all:
        return [], {}
    if principal.role == "bureau":
        return [f"{region_column} like :city"], {"city": principal.city_prefix() + "%"}
    if principal.role in _BANK_ROLES:
        return ["o.institution_id = :scope_institution"], {
            "scope_institution": principal.institution_id
        }
    return ["false"], {}


async def find_outlets(
    tx: Transaction,
    *,
    institution_id: UUID | None,
    region: str | None,
    after: UUID | None,
    limit: int,
) -> list[Outlet]:
    """Outlets the caller may see: a bank its own, a bureau its city's."""
    conditions, parameters = _bank_scope(tx.principal, "o.region_code")
    if institution_id:
        conditions.append("o.institution_id = :institution")
        parameters["institution"] = institution_id
    if region:
        conditions.append("o.region_code like :region")
        parameters["region"] = f"{_region_prefix(region)}%"
    if after:
        conditions.append("o.outlet_id > :after")
        parameters["after"] = after
    found = await tx.connection.execute(
        text(
            "select o.outlet_id, o.institution_id, o.code, o.name, o.address, o.region_code,"
            " o.longitude_e6, o.latitude_e6, o.precision, o.relationship_managers,"
            " o.service_capacity, o.active, o.valid_from from outlet o"
            f" where {_all(conditions)} order by o.outlet_id limit :limit"
        ),
        parameters | {"limit": limit + 1},
    )
    return [Outlet(*row) for row in found]


async def find_staff(
    tx: Transaction,
    *,
    institution_id: UUID | None,
    outlet_id: UUID | None,
    after: UUID | None,
    limit: int,
) -> list[StaffMember]:
    """People on the roster today whom the caller may see: a bank's own, a bureau's city's."""
    conditions, parameters = _bank_scope(tx.principal, "o.region_code")
    conditions.append("(s.valid_to is null or s.valid_to >= :today)")
    parameters["today"] = tx.today
    if institution_id:
        conditions.append("s.institution_id = :institution")
        parameters["institution"] = institution_id
    if outlet_id:
        conditions.append("s.outlet_id = :outlet")
        parameters["outlet"] = outlet_id
    if after:
        conditions.append("s.staff_id > :after")
        parameters["after"] = after
    found = await tx.connection.execute(
        text(
            f"select s.staff_id, s.institution_id, s.outlet_id, s.code, {persons.COLUMNS},"
            " s.role, s.valid_from, s.valid_to from staff s join outlet o using (outlet_id)"
            f"{persons.JOIN.format(subject='s.staff_id')} where {_all(conditions)}"
            " order by s.staff_id limit :limit"
        ),
        parameters | {"limit": limit + 1},
    )
    own = tx.principal.institution_id
    return [_member(row, own=row.institution_id == own) for row in found]


def _member(row: Any, *, own: bool) -> StaffMember:
    staff_id, institution_id, outlet_id, code, box, master, wrapped, *rest = row
    person = persons.opened(staff_id, box, master, wrapped)
    name = person.name if own else person.masked().name
    return StaffMember(staff_id, institution_id, outlet_id, code, name, *rest)


def _all(conditions: Sequence[str]) -> str:
    return " and ".join(conditions) or "true"


async def grant_access(
    tx: Transaction, assignment_id: UUID, enterprise_id: UUID, institution_id: UUID
) -> None:
    """An institution works for an enterprise from now on."""
    await tx.connection.execute(
        text("insert into access values (:a, :e, :i) on conflict (assignment_id) do nothing"),
        {"a": assignment_id, "e": enterprise_id, "i": institution_id},
    )


async def end_access(tx: Transaction, assignment_id: UUID) -> None:
    """An assignment ended."""
    await tx.connection.execute(
        text("delete from access where assignment_id = :a"), {"a": assignment_id}
    )
