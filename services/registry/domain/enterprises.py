"""Check one row of a list of enterprises (JS-04, R1, R2, R8)."""

from collections.abc import Callable

from services.registry.domain.cells import (
    Cell,
    Wrong,
    count_of,
    date_of,
    fen_of,
    flag_of,
    key_of,
    name_of,
    uscc_of,
)
from services.registry.domain.columns import FORMS
from services.registry.domain.header import Header
from services.registry.domain.places import Hints, Nowhere, Place, at_point, place_of
from services.registry.domain.reasons import reason
from services.registry.domain.records import EnterpriseRow, Reason
from services.registry.domain.rows import (
    Checked,
    Checker,
    Refusing,
    Row,
    digest_of,
    industry_of,
    key_in,
    required_name,
)
from shared.kernel.ids import derived_id


def enterprise_checker(header: Header) -> Checker:
    """Return the checker of a list with this header."""
    rows = _Enterprises(header)
    return Checker("enterprises", key_in(header.places, "uscc"), rows.check)


class _Enterprises:
    def __init__(self, header: Header) -> None:
        self._read = Refusing(header, FORMS["enterprises"])
        self._revenue = _amount(header.titles.get("revenue", ""))
        self._rd = _amount(header.titles.get("rd", ""))
        self._names: dict[str, tuple[int, str]] = {}

    def check(self, number: int, row: Row) -> Checked:
        """Check one row."""
        read = self._read
        read.begin(row)
        uscc = read.read("uscc", uscc_of, "")
        name = read.read("name", _name, "")
        registered = read.text("registered_address")
        business = read.text("business_address")
        place = self._place(business, registered, uscc)
        industry_code = read.read("industry", industry_of, None)
        has_loan = read.read("has_loan", flag_of, None)
        founded_on = read.read("founded_on", date_of, None)
        employees = read.read("employees", count_of, None)
        revenue_fen = read.read("revenue", self._revenue, None)
        rd_fen = read.read("rd", self._rd, None)
        if rejected := read.rejected(number, uscc or key_of(read.cell("uscc"))):
            return rejected
        if place is None:
            raise AssertionError("a row without a place has a reason")
        registration_no = read.text("registration_no")
        legal_representative = name_of(read.cell("legal_representative"))
        phone = read.text("phone")
        content = (
            name, registration_no, legal_representative, phone, registered, business,
            place.region_code, industry_code, has_loan, founded_on, employees, revenue_fen, rd_fen,
        )  # fmt: skip
        return EnterpriseRow(
            row=number,
            key=uscc,
            digest=digest_of(*content),
            notes=self._notes(number, uscc, name, place),
            enterprise_id=derived_id("enterprise", uscc),
            name=name,
            registration_no=registration_no,
            legal_representative=legal_representative,
            phone=phone,
            registered_address=registered,
            business_address=business,
            region_code=place.region_code,
            longitude_e6=place.longitude_e6,
            latitude_e6=place.latitude_e6,
            precision=place.precision,
            industry_code=industry_code,
            has_loan=has_loan,
            founded_on=founded_on,
            employees=employees,
            revenue_fen=revenue_fen,
            rd_fen=rd_fen,
        )

    def _place(self, business: str, registered: str, uscc: str) -> Place | None:
        read = self._read
        hints = Hints(read.text("city"), read.text("province"), uscc[2:8])
        try:
            place = place_of(business, registered, hints)
            if "longitude" in read.places:
                return at_point(place, read.cell("longitude"), read.cell("latitude"))
        except Nowhere as nowhere:
            read.add(nowhere.why, nowhere.doubtful)
            return None
        except Wrong as wrong:
            read.refuse("longitude", wrong.code, read.text("longitude"))
            return None
        else:
            return place

    def _notes(self, number: int, uscc: str, name: str, place: Place) -> tuple[Reason, ...]:
        before = self._names.setdefault(name, (number, uscc))
        if before[1] == uscc:
            return place.notes
        more = f"(第{before[0]}行)"
        return (*place.notes, reason("企业名称", "name.used_twice", name, more))


def _name(cell: Cell) -> str:
    return required_name(cell, name_of)


def _amount(title: str) -> Callable[[Cell], int | None]:
    """Return the reader of an amount column; the list's form has 万元, unless its title says 元."""
    plain_yuan = "元" in title and "万元" not in title

    def read(cell: Cell) -> int | None:
        return fen_of(cell, "yuan" if plain_yuan else "wan")

    return read
