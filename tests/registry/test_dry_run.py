"""A dry run tells what would happen: new, changed field by field, dropped, rejected and how to mend."""

from typing import Any

import pytest

from services.registry.domain.suggestions import suggestion
from tests.registry.sheets import firm, imported, lines_of, rows_of, send, uscc, xlsx
from tests.support.stack import Caller, Stack

NEXT = "2022-12-31"


@pytest.fixture
async def regulator(stack: Stack) -> Caller:
    """Last year's list of three."""
    await stack.set_clock("2023-04-08T09:00:00+08:00")
    caller = stack.caller("registry", "province_regulator")
    await imported(stack, caller, xlsx(lines_of([firm(1), firm(2), firm(3)])))
    return caller


async def test_R1_a_dry_run_shows_the_difference_and_leaves_everything_alone(
    stack: Stack, regulator: Caller
) -> None:
    rows = [
        firm(1),
        firm(2, 经营地址="昆山市样例路2号", 职工人数="35", 法定代表人="样例唯一名"),
        firm(4),
        firm(5, 统一社会信用代码=uscc(5)[:-1] + "O"),
    ]
    before = await stack.rows("registry", "select count(*) from event_log")
    job = await imported(stack, regulator, xlsx(lines_of(rows)), list_vintage=NEXT, dry_run="true")
    assert job["state"] == "checked"
    counts = {
        name: job["counts"][name] for name in ("new", "changed", "unchanged", "dropped", "refused")
    }
    assert counts == {"new": 1, "changed": 1, "unchanged": 1, "dropped": 1, "refused": 1}
    told = {row["row"]: row for row in await rows_of(regulator, job)}
    fields = {r["column"]: (r["message"], r["value"]) for r in told[3]["reasons"]}
    assert fields == {
        "经营地址": ("原为“江苏省苏州市虎丘区样例路2号”", "昆山市样例路2号"),
        "所在区县": ("原为“320505”", "320583"),
        "职工人数": ("原为“20”", "35"),
    }
    assert "样例唯一名" not in str(told)
    (why,) = told[5]["reasons"]
    assert (why["column"], why["code"]) == ("统一社会信用代码", "uscc.format")
    gone = (await regulator.get(f"/imports/{job['import_id']}/dropped")).json()["items"]
    assert [each["uscc"] for each in gone] == [uscc(3)]
    assert await stack.rows("registry", "select count(*) from event_log") == before
    assert len((await regulator.get("/list-vintages")).json()["items"]) == 1


async def test_R1_a_change_of_persons_only_is_told_without_them(
    stack: Stack, regulator: Caller
) -> None:
    rows = [firm(1, 联系电话="00011112222")]
    job = await imported(stack, regulator, xlsx(lines_of(rows)), list_vintage=NEXT, dry_run="true")
    (row,) = await rows_of(regulator, job)
    assert row["change"] == "changed"
    assert [each["column"] for each in row["reasons"]] == ["其他栏目"]
    assert "00011112222" not in str(row)


GOOD = uscc(7)
SWAPPED = GOOD[:2] + GOOD[3] + GOOD[2] + GOOD[4:]


@pytest.mark.parametrize(
    ("code", "value", "said"),
    [
        ("uscc.check_character", SWAPPED, GOOD),
        (
            "uscc.check_character",
            GOOD[:-1] + ("A" if GOOD[-1] != "A" else "B"),
            f"末位应为 {GOOD[-1]}",
        ),
        ("uscc.format", GOOD.replace("0", "O", 1), GOOD),
        ("industry.unknown", "软件与信息服务", "软件和信息技术服务业"),
        ("date.format", "1/6/2015", "2015-06-01"),
        ("date.format", "2015年6月", "补上日"),
        ("flag.format", "不详", "是"),
        ("money.format", "约500", "500"),
        ("name.missing", "", ""),
        ("uscc.length", "123", ""),
    ],
)
def test_R1_a_reason_says_what_may_have_been_meant(code: str, value: str, said: Any) -> None:
    found = suggestion(code, value)
    assert said in found
    assert bool(found) == bool(said)


async def test_R1_a_clerk_corrects_which_column_is_which(stack: Stack, regulator: Caller) -> None:
    rows = [
        ["单位", "代码", "注册地址"],
        ["苏州样例007科技有限公司", uscc(7), "苏州市虎丘区样例路7号"],
    ]
    content = xlsx(rows)
    missing = await imported(stack, regulator, content, list_vintage=NEXT, dry_run="true")
    assert missing["error"]["code"] == "header.missing_column"
    assert "单位" in missing["error"]["detail"]
    assert missing["headers"] == rows[0]
    assert missing["columns"] == {"registered_address": "注册地址"}
    mapping = '{"单位": "name", "代码": "uscc"}'
    job = await imported(
        stack, regulator, content, list_vintage=NEXT, dry_run="true", mapping=mapping
    )
    assert (job["state"], job["counts"]["new"]) == ("checked", 1)
    assert job["columns"]["name"] == "单位"
    assert job["headers"] == rows[0]
    report = await regulator.get(f"/imports/{job['import_id']}/report.xlsx")
    assert report.status_code == 200
    for wrong, code in (
        ("[1]", "import.mapping_format"),
        ('{"单位": "salary"}', "import.mapping_unknown"),
    ):
        answer = await send(regulator, content, mapping=wrong)
        assert answer.json()["code"] == code


async def test_R1_what_a_clerk_says_of_a_column_goes_before_its_title(
    stack: Stack, regulator: Caller
) -> None:
    rows = [
        ["企业名称", "单位全称", "统一社会信用代码", "注册地址", "经营地址"],
        [
            "旧名",
            "苏州样例007科技有限公司",
            uscc(7),
            "苏州市虎丘区样例路7号",
            "南京市玄武区样例路1号",
        ],
    ]
    mapping = '{"单位全称": "name", "经营地址": ""}'
    job = await imported(
        stack, regulator, xlsx(rows), list_vintage=NEXT, dry_run="true", mapping=mapping
    )
    assert job["columns"]["name"] == "单位全称"
    assert "business_address" not in job["columns"]


async def test_R1_the_columns_of_every_kind_of_file_are_told(regulator: Caller) -> None:
    forms = {each["kind"]: each for each in (await regulator.get("/import-forms")).json()["items"]}
    assert set(forms) == {"enterprises", "institutions", "outlets", "staff", "facts"}
    needed = [
        each["title"] for each in forms["enterprises"]["columns"] if each["group"] is not None
    ]
    assert needed == ["企业名称", "统一社会信用代码", "注册地址", "经营地址"]
