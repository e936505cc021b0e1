"""Check one row of a list of enterprises (JS-04, R1, R2, R8)."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

from services.registry.domain.cells import (
    Cell,
    Wrong,
    count_of,
    date_of,
    fen_of,
    flag_of,
    key_of,
    name_of,
    text_of,
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
    Numbered,
    Refusing,
    Row,
    digest_of,
    industry_of,
    key_in,
    required_name,
)
from shared.kernel.ids import derived_id

# Cells that many rows share; by type as well, for 1 == True == 1.0.
_shared = lru_cache(maxsize=20_000, typed=True)
_INDUSTRY: Final = _shared(industry_of)
_FLAG: Final = _shared(flag_of)
_DATE: Final = _shared(date_of)
_COUNT: Final = _shared(count_of)


def enterprise_checker(header: Header) -> Checker:
    """Return the checker of a list with this header."""
    rows = _Enterprises(header)
    return Checker("enterprises", key_in(header.places, "uscc"), rows.check, rows.check_block)


class _Enterprises:
    """Reads a row in three steps: who it is, where it lies, what else is told of it."""

    def __init__(self, header: Header) -> None:
        self._read = Refusing(header, FORMS["enterprises"])
        self._who: dict[str, Callable[[Cell], str]] = {
            "uscc": uscc_of,
            "name": _name,
            "registration_no": text_of,
            "legal_representative": name_of,
            "phone": text_of,
            "registered_address": text_of,
            "business_address": text_of,
            "city": text_of,
            "province": text_of,
        }
        self._what: dict[str, Callable[[Cell], Any]] = {
            "industry": _INDUSTRY,
            "has_loan": _FLAG,
            "founded_on": _DATE,
            "employees": _COUNT,
            "revenue": amount_of(header.titles.get("revenue", "")),
            "rd": amount_of(header.titles.get("rd", "")),
        }
        self._names: dict[str, tuple[int, str]] = {}

    def check(self, number: int, row: Row) -> Checked:
        """Check one row."""
        read = self._read
        read.begin(row)
        who = [read.read(field, reader, "") for field, reader in self._who.items()]
        place = self._place(who, row)
        what = [read.read(field, reader, None) for field, reader in self._what.items()]
        if rejected := read.rejected(number, who[0] or key_of(read.cell("uscc"))):
            return rejected
        if place is None:
            raise AssertionError("a row without a place has a reason")
        return self._record(number, who, place, what)

    def check_block(self, rows: Sequence[Numbered]) -> list[Checked]:
        """Check many rows column by column, and those with something wrong one by one."""
        wrong: set[int] = set()
        columns = list(zip(*(row for _, row in rows), strict=True))
        who = zip(*self._read.columns(self._who, columns, wrong), strict=True)
        what = zip(*self._read.columns(self._what, columns, wrong), strict=True)
        checked: list[Checked] = []
        for at, ((number, row), its_who, its_what) in enumerate(zip(rows, who, what, strict=True)):
            if at not in wrong:
                try:
                    place = self._place_of(its_who, row)
                except (Nowhere, Wrong):
                    pass
                else:
                    checked.append(self._record(number, its_who, place, its_what))
                    continue
            checked.append(self.check(number, row))
        return checked

    def _record(
        self, number: int, who: Sequence[str], place: Place, what: Sequence[Any]
    ) -> EnterpriseRow:
        uscc, name, registration_no, legal_representative, phone, registered, business, *_ = who
        industry_code, has_loan, founded_on, employees, revenue_fen, rd_fen = what
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
            datum=place.datum,
        )

    def _place(self, who: Sequence[str], row: Row) -> Place | None:
        read = self._read
        try:
            return self._place_of(who, row)
        except Nowhere as nowhere:
            read.add(nowhere.why, nowhere.doubtful)
        except Wrong as wrong:
            column = "datum" if wrong.code == "place.datum" else "longitude"
            read.refuse(column, wrong.code, read.text(column))
        return None

    def _place_of(self, who: Sequence[str], row: Row) -> Place:
        uscc, _, _, _, _, registered, business, city, province = who
        place = place_of(business, registered, Hints(city, province, uscc[2:8]))
        places = self._read.places
        if "longitude" not in places:
            return place
        latitude = row[places["latitude"]] if "latitude" in places else ""
        datum = row[places["datum"]] if "datum" in places else ""
        return at_point(place, row[places["longitude"]], latitude, datum)

    def _notes(self, number: int, uscc: str, name: str, place: Place) -> tuple[Reason, ...]:
        before = self._names.setdefault(name, (number, uscc))
        if before[1] == uscc:
            return place.notes
        more = f"(第{before[0]}行)"
        return (*place.notes, reason("企业名称", "name.used_twice", name, more))


def _name(cell: Cell) -> str:
    return required_name(cell, name_of)


def amount_of(title: str) -> Callable[[Cell], int | None]:
    """Return the reader of an amount column; forms have 万元, unless its title says 元.

    Units:   fen.
    Raises:  nothing; the reader `money.*`.
    Source:  JS-04.
    """
    plain_yuan = "元" in title and "万元" not in title

    def read(cell: Cell) -> int | None:
        return fen_of(cell, "yuan" if plain_yuan else "wan")

    return read
