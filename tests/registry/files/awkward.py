"""Lists as honest people send them: what is odd, the bytes, and what must become of each row.

A row is told as (line of the sheet, outcome, codes of its reasons or remarks).
"""

import io
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from tests.registry.sheets import HEADER, csv_text, firm, lines_of, uscc, xlsx

Told = tuple[int, str, tuple[str, ...]]
TAKEN = "taken"


def rows(*expected: Told) -> list[Told]:
    return list(expected)


def taken(*numbers: int) -> list[Told]:
    return [(number, TAKEN, ()) for number in numbers]


def text(lines: Sequence[Sequence[str]], coding: str = "utf-8") -> bytes:
    return csv_text(lines).encode(coding)


def book(write: Callable[[Any, Any], None]) -> bytes:
    """A workbook that needs more than plain cells."""
    out = io.BytesIO()
    made = xlsxwriter.Workbook(out, {"in_memory": True})
    write(made, made.add_worksheet("名单"))
    made.close()
    return out.getvalue()


def put(page: Any, lines: Sequence[Sequence[Any]], first: int = 0) -> None:
    for at, line in enumerate(lines, first):
        for column, cell in enumerate(line):
            if cell not in (None, ""):
                page.write(at, column, cell)


TWO = lines_of([firm(1), firm(2)])
SHORT = ("企业名称", "统一社会信用代码", "注册地址")


def short(*numbers: int, **other: str) -> list[list[str]]:
    return [[str(firm(n, **other)[name]) for name in SHORT] for n in numbers]


def merged(made: Any, page: Any) -> None:
    page.merge_range(0, 0, 0, 12, "江苏省科技型中小企业名单", made.add_format({"align": "center"}))
    put(page, TWO, 1)


def two_rows(_made: Any, page: Any) -> None:
    page.merge_range(0, 0, 0, 1, "基本情况")
    put(page, [["基本情况", "", "地址"], ["企业名称", "统一社会信用代码", "注册地址"], *short(1)])


def hidden(_made: Any, page: Any) -> None:
    put(page, TWO)
    page.set_row(1, None, None, {"hidden": True})
    page.set_column(3, 4, None, None, {"hidden": True})


def styled(made: Any, page: Any) -> None:
    put(page, TWO)
    for row in range(3, 400):
        page.write_blank(row, 0, None, made.add_format({"bg_color": "#eeeeee"}))


def formulas(_made: Any, page: Any) -> None:
    put(page, TWO)
    page.write_formula(1, 10, "=10+10", None, 20)


def dates(made: Any, page: Any) -> None:
    put(page, TWO)
    page.write_datetime(1, 9, datetime(2015, 6, 1), made.add_format({"num_format": "yyyy年m月d日"}))


def noted(_made: Any, page: Any) -> None:
    put(page, TWO)
    page.write_comment(1, 0, "请核对")
    page.autofilter(0, 0, 2, 12)
    page.data_validation(1, 8, 2, 8, {"validate": "list", "source": ["是", "否"]})


def cover(made: Any, page: Any) -> None:
    put(page, [["填表说明"], ["一、请如实填写"]])
    put(made.add_worksheet("数据"), TWO)


def old(_: object = None) -> bytes:
    return (Path(__file__).parent / "old.xls").read_bytes()


def one(column: str, value: Any, *codes: str, outcome: str = TAKEN) -> tuple[bytes, list[Told]]:
    """A good row and one with something odd in a column."""
    lines = lines_of([firm(1), firm(2, **{column: value})])
    return xlsx(lines), [(2, TAKEN, ()), (3, outcome, codes)]


def files() -> list[tuple[str, bytes, list[Told]]]:
    """Every file with its name and expected report."""
    refused, doubtful = "refused", "doubtful"
    bad = uscc(2)[:-1] + ("0" if uscc(2)[-1] != "0" else "1")
    return [
        ("title over merged cells", book(merged), taken(3, 4)),
        ("title, unit and date lines", xlsx([["名单"], ["单位:万元", "", "2021年"], [], *TWO]), taken(5, 6)),
        ("header over two rows", book(two_rows), taken(3)),
        ("columns in another order", xlsx(lines_of([firm(1)], HEADER[::-1])), taken(2)),
        ("other names for columns", xlsx([["公司名称", "社会信用代码", "住所"], *short(1, 2)]), taken(2, 3)),
        ("units and stars in the header", xlsx([["*企业名称", "统一社会信用代码(18位)", "注册地址:"], *short(1)]), taken(2)),
        ("spaces in the header", xlsx([["企 业 名 称", " 统一社会信用代码 ", "注册\n地址"], *short(1)]), taken(2)),
        ("columns we do not know", xlsx([[*SHORT, "备注", "序号"], [*short(1)[0], "新", "1"]]), taken(2)),
        ("a number column in front", xlsx([["序号", *SHORT], ["1", *short(1)[0]], ["2", *short(2)[0]]]), taken(2, 3)),
        ("blank lines between", xlsx([TWO[0], TWO[1], [], [], TWO[2]]), taken(2, 5)),
        ("total and signature below", xlsx([*TWO, ["合计", "2户"], ["填表人:", ""]]), taken(2, 3)),
        ("header printed again", xlsx([*TWO, TWO[0], lines_of([firm(3)])[1]]), taken(2, 3, 5)),
        ("hidden rows and columns", book(hidden), taken(2, 3)),
        ("coloured empty rows below", book(styled), taken(2, 3)),
        ("formulas with values", book(formulas), taken(2, 3)),
        ("dates as dates", book(dates), taken(2, 3)),
        ("comments, filters, drop-downs", book(noted), taken(2, 3)),
        ("a cover sheet first", book(cover), taken(2, 3)),
        ("an empty sheet first", xlsx(TWO, more=("Sheet1",)), taken(2, 3)),
        ("an old .xls by the name .xlsx", old(), taken(2)),
        ("CSV in UTF-8", text(csv_lines()), taken(2, 3)),
        ("CSV in UTF-8 with a mark", text(csv_lines(), "utf-8-sig"), taken(2, 3)),
        ("CSV in GB18030", text(csv_lines(), "gb18030"), taken(2, 3)),
        ("CSV in GBK", text(csv_lines(), "gbk"), taken(2, 3)),
        ("CSV in UTF-16", csv_text(csv_lines()).encode("utf-16"), taken(2, 3)),
        ("CSV with rare characters", text([[*SHORT], ["苏州𠮷样科技有限公司", *short(1)[0][1:]]], "gb18030"), taken(2)),
        ("CSV by tabs", csv_text(csv_lines()).replace(",", "\t").encode(), taken(2, 3)),
        ("CSV by semicolons, CR LF", csv_text(csv_lines()).replace(",", ";").replace("\n", "\r\n").encode(), taken(2, 3)),
        ("CSV with quoted commas and lines", f'{",".join(SHORT)}\n"苏州样例,一\n科技",{uscc(1)},苏州市虎丘区样例路1号\n'.encode(), taken(2)),
        ("CSV with an unquoted comma", text([[*SHORT], ["苏州样例", uscc(1), "苏州市虎丘区样例路", "1号"]]), rows((2, refused, ("row.too_many_cells",)))),
        ("full-width everything", *one("统一社会信用代码", "９" + uscc(2)[1:])),
        ("spaces within a code", *one("统一社会信用代码", f"{uscc(2)[:8]} {uscc(2)[8:]}")),
        ("small letters in a code", *one("统一社会信用代码", uscc(2).lower())),
        ("a wrong check character", *one("统一社会信用代码", bad, "uscc.check_character", outcome=refused)),
        ("a code as a number", *one("统一社会信用代码", 913205050000000100, "cell.precision_lost", outcome=refused)),
        ("a code in scientific notation", *one("统一社会信用代码", "9.1320505E+17", "cell.precision_lost", outcome=refused)),
        ("an old registration number", *one("统一社会信用代码", "320500000012345", "uscc.old_registration", outcome=doubtful)),
        ("brackets of both widths", *one("企业名称", "样例（苏州）科技有限公司")),
        ("a name across two lines", *one("企业名称", "苏州样例\n科技有限公司")),
        ("two firms of one name", *one("企业名称", "苏州样例001科技有限公司", "name.used_twice")),
        ("the same row twice", xlsx([*TWO, TWO[2]]), rows((2, TAKEN, ()), (3, TAKEN, ()), (4, refused, ("row.duplicate",)))),
        ("one code with two contents", xlsx(lines_of([firm(1), firm(1, 职工人数="21")])), rows((2, doubtful, ("row.same_code_differs",)), (3, doubtful, ("row.same_code_differs",)))),
        ("an abolished district", *one("经营地址", "苏州市平江区样例路2号")),
        ("a zone instead of a county", *one("经营地址", "苏州工业园区样例街2号")),
        ("a city without a county", *one("经营地址", "苏州市人民路2号", "address.county_missing", outcome=doubtful)),
        ("an address elsewhere", *one("经营地址", "上海市浦东新区样例路2号", "address.outside_provinces", outcome=refused)),
        ("amounts with commas", *one("销售收入(万元)", "1,234,567.89")),
        ("counts with a unit", *one("职工人数", "35人")),
        ("yes and no as other words", *one("是否有贷款", "√")),
        ("a date by dots", *one("成立日期", "2015.6.1")),
        ("an amount in words", *one("销售收入(万元)", "约五百", "money.format", outcome=refused)),
        ("two faults in a row", xlsx(lines_of([firm(1, 是否有贷款="也许", 成立日期="去年")])), rows((2, refused, ("flag.format", "date.format")))),
    ]  # fmt: skip


def csv_lines() -> list[list[str]]:
    return [[*SHORT], *short(1, 2)]
