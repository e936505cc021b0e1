"""Check one row of the banks' files: institutions, outlets and staff (JS-07, JS-08, JS-12)."""

import re
from datetime import date
from typing import Final

from services.registry.domain.banknames import Bank, bank_of
from services.registry.domain.cells import (
    Cell,
    Wrong,
    code_of,
    count_of,
    date_of,
    key_of,
    name_of,
    uscc_of,
)
from services.registry.domain.columns import FORMS
from services.registry.domain.header import Header
from services.registry.domain.places import (
    Hints,
    Nowhere,
    Place,
    at_point,
    county_place,
    place_by_name,
    place_of,
)
from services.registry.domain.reasons import reason
from services.registry.domain.records import InstitutionRow, OutletRow, Reason, StaffRow
from services.registry.domain.rows import (
    Checked,
    Checker,
    Refusing,
    Row,
    digest_of,
    key_in,
    required_name,
)
from shared.kernel.ids import derived_id

_BANK_PART: Final = re.compile(r"^.*(?:银行|公司|联社)")
_CODE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TYPES: Final = {
    "state": ("国有大型银行", "国有大型商业银行", "国有银行", "大型商业银行", "国有商业银行"),
    "postal": ("邮政储蓄银行", "邮储银行"),
    "policy": ("政策性银行", "开发性金融机构", "开发性、政策性银行"),
    "joint_stock": ("股份制商业银行", "股份制银行", "全国性股份制商业银行"),
    "city_commercial": ("城市商业银行", "城商行"),
    "rural_commercial": ("农村商业银行", "农商行", "农村合作银行", "农村信用社", "农村中小银行"),
    "village": ("村镇银行",),
    "private": ("民营银行",),
    "foreign": ("外资银行", "外资法人银行"),
    "other": ("其他", "其他金融机构"),
}
_TYPE_OF: Final = {name: kind for kind, names in _TYPES.items() for name in (kind, *names)}
_ROLES: Final = {
    "支行行长": "branch_head",
    "行长": "branch_head",
    "网点负责人": "branch_head",
    "branch_head": "branch_head",
    "客户经理": "relationship_manager",
    "relationship_manager": "relationship_manager",
}
_OUTSIDE_STAFF: Final = ("派遣", "外包", "第三方", "兼职", "实习", "临时", "中介")
UNKNOWN_BANK: Final = Bank("", "", "other")


def institution_checker(header: Header) -> Checker:
    """Return the checker of a list of institutions with this header."""
    read = Refusing(header, FORMS["institutions"])

    def check(number: int, row: Row) -> Checked:
        read.begin(row)
        code = read.read("code", _code, "")
        name = read.read("name", _name, "")
        kind = read.read("type", _type, "")
        uscc = read.read("uscc", uscc_of, "") if read.text("uscc") else ""
        if rejected := read.rejected(number, code or key_of(read.cell("code"))):
            return rejected
        return InstitutionRow(
            row=number,
            key=code,
            digest=digest_of(name, kind, uscc),
            institution_id=derived_id("institution", code),
            name=name,
            institution_type=kind,
            uscc=uscc,
        )

    return Checker("institutions", key_in(header.places, "code"), check)


def outlet_checker(header: Header) -> Checker:
    """Return the checker of a list of outlets with this header.

    Where the file has no institution codes, the institution is read from the outlet's name and
    the credit code stands for the outlet's.
    """
    rows = _Outlets(header)
    fields = (
        ("institution_code", "code") if {"institution_code", "code"} <= set(header.places) else ()
    )
    return Checker("outlets", key_in(header.places, *(fields or (rows.code_field,))), rows.check)


class _Outlets:
    def __init__(self, header: Header) -> None:
        self._read = Refusing(header, FORMS["outlets"])
        self.code_field = "code" if "code" in header.places else "uscc"

    def check(self, number: int, row: Row) -> Checked:
        """Check one row."""
        read = self._read
        read.begin(row)
        if self.code_field == "code":
            code = read.read("code", _code, "")
            uscc = ""
        else:
            code = uscc = read.read("uscc", uscc_of, "")
        name = read.read("name", _name, "")
        bank = self._bank(name)
        address = read.text("address")
        place = self._place(address, name, uscc)
        managers = read.read("managers", count_of, None)
        capacity = read.read("capacity", count_of, None)
        key = code or key_of(read.cell(self.code_field))
        if rejected := read.rejected(number, key):
            return rejected
        if place is None:
            raise AssertionError("a row without a place has a reason")
        return OutletRow(
            row=number,
            key=code,
            digest=digest_of(
                bank.code,
                name,
                address,
                place.region_code,
                place.longitude_e6,
                place.latitude_e6,
                managers,
                capacity,
            ),
            notes=place.notes,
            outlet_id=derived_id("outlet", bank.code, code),
            institution_id=derived_id("institution", bank.code),
            institution_code=bank.code,
            institution_name=bank.name,
            institution_type=bank.institution_type,
            code=code,
            name=name,
            address=address,
            region_code=place.region_code,
            longitude_e6=place.longitude_e6,
            latitude_e6=place.latitude_e6,
            precision=place.precision,
            relationship_managers=managers or 0,
            service_capacity=capacity,
            datum=place.datum,
        )

    def _bank(self, name: str) -> Bank:
        read = self._read
        if read.text("institution_code"):
            return Bank(read.read("institution_code", _code, ""), "", "other")
        if not name:
            return UNKNOWN_BANK
        bank = bank_of(name)
        if bank is None:
            read.add(reason("网点名称", "institution.not_derived", name), doubtful=True)
        return bank or UNKNOWN_BANK

    def _place(self, address: str, name: str, uscc: str) -> Place | None:
        read = self._read
        hints = Hints(read.text("city"), read.text("province"), uscc[2:8])
        try:
            if read.text("region_code"):
                place = county_place(read.cell("region_code"), "行政区划代码")
            else:
                place = _outlet_place(address, name, hints)
            point = read.cell("longitude"), read.cell("latitude"), read.cell("datum")
            return at_point(place, *point)
        except Nowhere as nowhere:
            column = "地址" if nowhere.why.column.endswith("地址") else nowhere.why.column
            why = Reason(column, nowhere.why.code, nowhere.why.message, nowhere.why.value)
            read.add(why, nowhere.doubtful)
        except Wrong as wrong:
            column = "datum" if wrong.code == "place.datum" else "longitude"
            read.refuse(column, wrong.code, read.text(column))
        return None


def _outlet_place(address: str, name: str, hints: Hints) -> Place:
    try:
        return place_of(address, "", hints)
    except Nowhere as nowhere:
        branch = _BANK_PART.sub("", name)
        if nowhere.why.code == "address.county_missing" and (
            named := place_by_name(branch, address, hints)
        ):
            return named
        raise


def staff_checker(header: Header) -> Checker:
    """Return the checker of a roster with this header."""
    read = Refusing(header, FORMS["staff"])

    def check(number: int, row: Row) -> Checked:
        read.begin(row)
        code = read.read("code", _code, "")
        name = read.read("name", _name, "")
        bank = read.read("institution_code", _code, "")
        outlet = read.read("outlet_code", _code, "")
        role = read.read("role", _role, "")
        read.read("employment", _formal, None)
        joined_on = read.read("valid_from", _required_date, date.min)
        left_on = read.read("valid_to", date_of, None)
        if left_on is not None and left_on < joined_on:
            read.refuse("valid_to", "date.order", left_on)
        if rejected := read.rejected(number, code or key_of(read.cell("code"))):
            return rejected
        return StaffRow(
            row=number,
            key=code,
            digest=digest_of(bank, outlet, name, role, joined_on, left_on),
            staff_id=derived_id("staff", bank, code),
            institution_id=derived_id("institution", bank),
            outlet_id=derived_id("outlet", bank, outlet),
            code=code,
            name=name,
            role=role,
            valid_from=joined_on,
            valid_to=left_on,
        )

    return Checker("staff", key_in(header.places, "institution_code", "code"), check)


def _code(cell: Cell) -> str:
    code = code_of(cell)
    if not code:
        raise Wrong("code.missing")
    if not _CODE.fullmatch(code):
        raise Wrong("code.format")
    return code


def _name(cell: Cell) -> str:
    return required_name(cell, name_of)


def _type(cell: Cell) -> str:
    kind = _TYPE_OF.get(name_of(cell).lower())
    if kind is None:
        raise Wrong("institution_type.unknown")
    return kind


def _role(cell: Cell) -> str:
    role = _ROLES.get(name_of(cell).lower())
    if role is None:
        raise Wrong("role.unknown")
    return role


def _formal(cell: Cell) -> None:
    """Only the bank's own people go on visits: no agency, no outside staff (JS-12)."""
    said = name_of(cell)
    if any(word in said for word in _OUTSIDE_STAFF):
        raise Wrong("staff.third_party")


def _required_date(cell: Cell) -> date:
    day = date_of(cell)
    if day is None:
        raise Wrong("date.missing")
    return day
