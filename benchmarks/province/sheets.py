"""Write a province as the four spreadsheets it would arrive in, and the book of their faults."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from benchmarks.province.draws import Draws
from benchmarks.province.faults import Mark, Row, Spoiled, spoil_enterprises
from benchmarks.province.model import Enterprise, Institution, Outlet, Province, Staff
from shared.kernel.industry import industry
from shared.kernel.money import wan

FAULT_SHARE = 0.01
ROLE_NAMES = {"branch_head": "支行行长", "relationship_manager": "客户经理"}
TYPE_NAMES = {
    "state": "国有大型银行",
    "postal": "邮政储蓄银行",
    "policy": "政策性银行",
    "joint_stock": "股份制商业银行",
    "city_commercial": "城市商业银行",
    "rural_commercial": "农村商业银行",
    "village": "村镇银行",
    "foreign": "外资银行",
    "private": "民营银行",
}
ENTERPRISE_GROUPS = {
    "基本信息": ("企业名称", "统一社会信用代码", "入库登记编号", "所属行业", "成立日期"),
    "联系方式": ("法定代表人", "联系电话", "注册地址", "经营地址"),
    "经营情况": ("是否有贷款", "职工人数", "销售收入(万元)", "研发费用(万元)"),
}
# A fixed moment, so that the same province gives the same bytes.
_WRITTEN_AT = datetime(2022, 4, 1, 9, 0, 0)


@dataclass(frozen=True, slots=True)
class Marked:
    """A row that is not plain: its row number in the sheet (from 1), its key, and the mark."""

    row: int
    key: str
    code: str
    column: str
    outcome: str


@dataclass(frozen=True, slots=True)
class SheetBook:
    """One file: where its rows stand, and which of them are not plain.

    Rows from `first_row` to `last_row` that are in neither list are clean. `faulty` rows must be
    refused or doubted; `repaired` rows have slips an import corrects, and are taken.
    """

    file: str
    sheet: str
    first_row: int
    last_row: int
    columns: tuple[str, ...]
    faulty: tuple[Marked, ...]
    repaired: tuple[Marked, ...]

    @property
    def rows(self) -> int:
        """Number of data rows."""
        return self.last_row - self.first_row + 1

    @property
    def refused(self) -> int:
        """Number of rows an import has to refuse."""
        return sum(mark.outcome == "refused" for mark in self.faulty)

    @property
    def doubtful(self) -> int:
        """Number of rows an import takes with a doubt."""
        return sum(mark.outcome == "doubtful" for mark in self.faulty)

    @property
    def clean(self) -> int:
        """Number of rows to be taken without a word, repaired ones included."""
        return self.rows - len(self.faulty)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The book of all four files."""

    size: str
    seed: int
    enterprises: SheetBook
    institutions: SheetBook
    outlets: SheetBook
    staff: SheetBook

    def save(self, path: Path) -> None:
        """Write it as JSON, with the counts beside the rows."""
        data: dict[str, Any] = asdict(self)
        for kind in ("enterprises", "institutions", "outlets", "staff"):
            book: SheetBook = getattr(self, kind)
            data[kind] |= {
                "rows": book.rows,
                "clean": book.clean,
                "refused": book.refused,
                "doubtful": book.doubtful,
            }
        text = json.dumps(data, ensure_ascii=False, indent=1, sort_keys=True)
        path.write_text(text + "\n", encoding="utf-8")


def write_files(province: Province, folder: Path, *, faults: bool = True) -> Manifest:
    """Write enterprises, institutions, outlets and staff `.xlsx` and `manifest.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    seed = province.seed
    rows = [_enterprise_row(e) for e in province.enterprises]
    listed = spoil_enterprises(seed, rows, FAULT_SHARE) if faults else Spoiled(rows, {}, {})
    manifest = Manifest(
        size=province.size,
        seed=seed,
        enterprises=_write_enterprises(seed, folder, listed),
        institutions=_write_plain(
            seed, folder, "institutions", "银行机构名录", _institutions(province, faults=faults)
        ),
        outlets=_write_plain(
            seed, folder, "outlets", "银行网点名录", _outlets(province, faults=faults)
        ),
        staff=_write_plain(
            seed, folder, "staff", "走访人员花名册", _staff(province, faults=faults)
        ),
    )
    manifest.save(folder / "manifest.json")
    return manifest


def _enterprise_row(firm: Enterprise) -> Row:
    return {
        "企业名称": firm.name,
        "统一社会信用代码": firm.uscc,
        "入库登记编号": firm.registration_no,
        "法定代表人": firm.legal_representative,
        "联系电话": firm.phone,
        "注册地址": firm.registered_address,
        "经营地址": firm.business_address,
        # Some give the code, others the name: both arrive in practice.
        "所属行业": industry(firm.industry_code).name if firm.employees % 3 else firm.industry_code,
        "是否有贷款": "是" if firm.has_loan else "否",
        "成立日期": firm.founded_on.isoformat(),
        "职工人数": str(firm.employees),
        "销售收入(万元)": wan(firm.revenue_fen),
        "研发费用(万元)": wan(firm.rd_fen),
    }


def _institution_row(bank: Institution) -> Row:
    return {
        "机构编码": bank.code,
        "机构名称": bank.name,
        "机构类型": TYPE_NAMES[bank.institution_type],
        "统一社会信用代码": bank.uscc,
    }


def _outlet_row(outlet: Outlet) -> Row:
    return {
        "网点编码": outlet.code,
        "网点名称": outlet.name,
        "所属机构编码": outlet.institution_code,
        "行政区划代码": outlet.region_code,
        "地址": outlet.address,
        "经度": f"{outlet.lon:.6f}",
        "纬度": f"{outlet.lat:.6f}",
        "客户经理人数": str(outlet.managers),
        "服务能力(户)": str(outlet.capacity),
    }


def _staff_row(person: Staff) -> Row:
    return {
        "工号": person.code,
        "姓名": person.name,
        "所属机构编码": person.institution_code,
        "所属网点编码": person.outlet_code,
        "岗位": ROLE_NAMES[person.role],
        "到岗日期": person.joined_on.isoformat(),
        "离岗日期": person.left_on.isoformat() if person.left_on else "",
    }


def _with_extras(
    rows: list[Row], key: str, spoilers: Sequence[tuple[Row, Mark]], *, faults: bool
) -> Spoiled:
    """Add faulty rows beside the good ones: nothing that other files refer to is lost."""
    marks: dict[int, Mark] = {}
    for number, (change, mark) in enumerate(spoilers if faults else ()):
        marks[len(rows)] = mark
        rows.append(rows[number] | {key: f"ERR{number:04d}"} | change)
    return Spoiled(rows, marks, {})


def _institutions(province: Province, *, faults: bool) -> Spoiled:
    rows = [_institution_row(bank) for bank in province.institutions]
    wrong = rows[0]["统一社会信用代码"][:-1] + "0"
    if wrong == rows[0]["统一社会信用代码"]:
        wrong = wrong[:-1] + "1"
    spoilers = (
        ({"机构类型": "其它类型"}, Mark("institution_type.unknown", "机构类型", "refused")),
        (
            {"统一社会信用代码": wrong},
            Mark("uscc.check_character", "统一社会信用代码", "refused"),
        ),
    )
    return _with_extras(rows, "机构编码", spoilers, faults=faults)


def _outlets(province: Province, *, faults: bool) -> Spoiled:
    spoilers = (
        ({"行政区划代码": "329999"}, Mark("region.unknown", "行政区划代码", "refused")),
        ({"行政区划代码": "320500"}, Mark("region.not_a_county", "行政区划代码", "refused")),
        ({"所属机构编码": "YL999"}, Mark("institution.unknown", "所属机构编码", "refused")),
        ({"经度": "31.3", "纬度": "120.6"}, Mark("place.outside", "经度", "refused")),
        ({"客户经理人数": "若干"}, Mark("number.format", "客户经理人数", "refused")),
        ({"网点名称": ""}, Mark("name.missing", "网点名称", "refused")),
    )
    rows = [_outlet_row(outlet) for outlet in province.outlets]
    return _with_extras(rows, "网点编码", spoilers, faults=faults)


def _staff(province: Province, *, faults: bool) -> Spoiled:
    spoilers = (
        ({"所属网点编码": "YL9990001"}, Mark("outlet.unknown", "所属网点编码", "refused")),
        ({"岗位": "外包人员"}, Mark("role.unknown", "岗位", "refused")),
        (
            {"到岗日期": "2021-06-01", "离岗日期": "2020-06-01"},
            Mark("date.order", "离岗日期", "refused"),
        ),
        ({"到岗日期": ""}, Mark("date.missing", "到岗日期", "refused")),
    )
    rows = [_staff_row(person) for person in province.staff]
    return _with_extras(rows, "工号", spoilers, faults=faults)


def _open(path: Path) -> xlsxwriter.Workbook:
    book = xlsxwriter.Workbook(
        str(path),
        {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False},
    )
    book.set_properties({"created": _WRITTEN_AT})
    return book


def _write_plain(seed: int, folder: Path, kind: str, title: str, listed: Spoiled) -> SheetBook:
    """Write a title row, a header row and the rows, the columns in a drawn order."""
    key = next(iter(listed.rows[0]))
    columns = Draws(seed, 9, len(kind)).shuffled(list(listed.rows[0]))
    book = _open(folder / f"{kind}.xlsx")
    sheet = book.add_worksheet(title)
    bold = book.add_format({"bold": True, "align": "center"})
    sheet.merge_range(0, 0, 0, len(columns) - 1, title, bold)
    for at, column in enumerate(columns):
        sheet.write_string(1, at, column, bold)
    _write_rows(sheet, 2, columns, listed.rows)
    book.close()
    keys = [row[key] for row in listed.rows]
    return _book(f"{kind}.xlsx", title, first_row=3, columns=columns, listed=listed, keys=keys)


def _write_enterprises(seed: int, folder: Path, listed: Spoiled) -> SheetBook:
    """Write the list with its title and a header of two rows, groups above columns."""
    title = "科技型中小企业名单"
    draws = Draws(seed, 9)
    groups = draws.shuffled(list(ENTERPRISE_GROUPS))
    columns = ["序号"]
    book = _open(folder / "enterprises.xlsx")
    sheet = book.add_worksheet("名单")
    bold = book.add_format({"bold": True, "align": "center", "valign": "vcenter", "border": 1})
    sheet.merge_range(1, 0, 2, 0, "序号", bold)
    for group in groups:
        own = draws.shuffled(ENTERPRISE_GROUPS[group])
        sheet.merge_range(1, len(columns), 1, len(columns) + len(own) - 1, group, bold)
        for column in own:
            sheet.write_string(2, len(columns), column, bold)
            columns.append(column)
    sheet.merge_range(0, 0, 0, len(columns) - 1, title, bold)
    numbered = [{"序号": str(n + 1)} | row for n, row in enumerate(listed.rows)]
    _write_rows(sheet, 3, columns, numbered)
    book.close()
    # A spoiled code is no key: rows are known by their registration number.
    keys = [row["入库登记编号"] for row in listed.rows]
    return _book("enterprises.xlsx", "名单", first_row=4, columns=columns, listed=listed, keys=keys)


def _write_rows(sheet: Worksheet, first: int, columns: Sequence[str], rows: Sequence[Row]) -> None:
    for number, row in enumerate(rows, first):
        for at, column in enumerate(columns):
            if row[column]:
                sheet.write_string(number, at, row[column])


def _book(
    file: str,
    sheet: str,
    *,
    first_row: int,
    columns: Sequence[str],
    listed: Spoiled,
    keys: list[str],
) -> SheetBook:
    faulty = [
        Marked(first_row + at, keys[at], mark.code, mark.column, mark.outcome)
        for at, mark in sorted(listed.marks.items())
    ]
    repaired = [
        Marked(first_row + at, keys[at], code, "", "taken")
        for at, code in sorted(listed.slips.items())
    ]
    return SheetBook(
        file=file,
        sheet=sheet,
        first_row=first_row,
        last_row=first_row + len(listed.rows) - 1,
        columns=tuple(columns),
        faulty=tuple(faulty),
        repaired=tuple(repaired),
    )
