"""Small files for tests, and the calls that import them."""

import io
from collections.abc import Sequence
from typing import Any

import xlsxwriter

from shared.kernel.uscc import check_character
from tests.support.stack import Caller, Stack

HEADER = (
    "企业名称", "统一社会信用代码", "入库登记编号", "法定代表人", "联系电话", "注册地址", "经营地址",
    "所属行业", "是否有贷款", "成立日期", "职工人数", "销售收入(万元)", "研发费用(万元)",
)  # fmt: skip
TODAY = "2022-04-08T09:00:00+08:00"
VINTAGE = "2021-12-31"


def uscc(number: int, region: str = "320505") -> str:
    """A credit code with a right check character, of no real organisation."""
    first = f"91{region}YL{number:07d}"
    return first + check_character(first)


def firm(number: int, **other: Any) -> dict[str, Any]:
    """A good row."""
    row: dict[str, Any] = dict.fromkeys(HEADER, "")
    row |= {
        "企业名称": f"苏州样例{number:03d}科技有限公司",
        "统一社会信用代码": uscc(number),
        "法定代表人": f"样例{number}",
        "联系电话": "00000000000",
        "注册地址": f"苏州市虎丘区样例路{number}号",
        "经营地址": f"江苏省苏州市虎丘区样例路{number}号",
        "所属行业": "C35",
        "是否有贷款": "是",
        "成立日期": "2015-06-01",
        "职工人数": "20",
        "销售收入(万元)": "1,200.50",
        "研发费用(万元)": "80",
    }
    return row | other


def lines_of(rows: Sequence[dict[str, Any]], header: Sequence[str] = HEADER) -> list[list[Any]]:
    """Header and rows as lines."""
    return [list(header), *([row.get(name, "") for name in header] for row in rows)]


def xlsx(lines: Sequence[Sequence[Any]], *, sheet: str = "名单", more: Sequence[str] = ()) -> bytes:
    """An .xlsx file of these lines; `more` names empty sheets before it."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_numbers": False})
    for name in more:
        book.add_worksheet(name)
    page = book.add_worksheet(sheet)
    for at, line in enumerate(lines):
        for column, cell in enumerate(line):
            if cell not in (None, ""):
                page.write(at, column, cell)
    book.close()
    return out.getvalue()


def csv_text(lines: Sequence[Sequence[str]]) -> str:
    """The same as CSV."""
    return "".join(",".join(line) + "\n" for line in lines)


async def send(
    caller: Caller, content: bytes, *, name: str = "名单.xlsx", key: str | None = None, **form: str
) -> Any:
    """POST a file; enterprises of the usual vintage unless the form says otherwise."""
    form.setdefault("kind", "enterprises")
    if form["kind"] == "enterprises":
        form.setdefault("list_vintage", VINTAGE)
    return await caller.post("/imports", files={"file": (name, content)}, data=form, key=key)


async def imported(stack: Stack, caller: Caller, content: bytes, **form: str) -> dict[str, Any]:
    """Import a file and give the import as it ended."""
    answer = await send(caller, content, **form)
    assert answer.status_code == 202, answer.text
    await stack.settle()
    return (await caller.get(f"/imports/{answer.json()['import_id']}")).json()


async def rows_of(caller: Caller, job: dict[str, Any], outcome: str = "") -> list[dict[str, Any]]:
    """All rows of an import, over its pages."""
    items: list[dict[str, Any]] = []
    cursor = ""
    while cursor is not None:
        query = {"limit": "100"} | ({"outcome": outcome} if outcome else {})
        query |= {"cursor": cursor} if cursor else {}
        page = (await caller.get(f"/imports/{job['import_id']}/rows", params=query)).json()
        items += page["items"]
        cursor = page["next_cursor"]
    return items
