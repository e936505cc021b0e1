"""Importing lists: faults located, nothing lost, nothing twice."""

import asyncio
import io
from datetime import UTC, date, datetime
from typing import Any

import pytest
import xlsxwriter
from python_calamine import CalamineWorkbook

from services.registry.consumers import on_campaign_opened
from services.registry.usecases import importing
from shared.contracts.allocation import CampaignOpened
from shared.contracts.event import Received
from shared.kernel.ids import derived_id, new_id
from tests.registry.sheets import (
    HEADER,
    TODAY,
    VINTAGE,
    firm,
    imported,
    lines_of,
    rows_of,
    send,
    uscc,
    xlsx,
)
from tests.registry.test_enterprises import enterprise
from tests.support.stack import Caller, Stack


@pytest.fixture
async def regulator(stack: Stack) -> Caller:
    await stack.set_clock(TODAY)
    return stack.caller("registry", "province_regulator")


async def test_JS_04_a_list_becomes_enterprises_with_events(
    stack: Stack, regulator: Caller
) -> None:
    job = await imported(stack, regulator, xlsx(lines_of([firm(1), firm(2)])))
    assert job["state"] == "done", job
    assert job["counts"] == {
        "rows": 2, "taken": 2, "refused": 0, "doubtful": 0,
        "new": 2, "changed": 0, "unchanged": 0, "dropped": 0,
    }  # fmt: skip
    events = await stack.rows("registry", "select type, key from event_log order by type")
    assert [e["type"] for e in events] == ["EnterpriseListed.v1"] * 2 + ["ListImported.v1"]
    shown = (await regulator.get(f"/enterprises/{derived_id('enterprise', uscc(1))}")).json()
    assert shown["region_code"] == "320505"
    assert shown["legal_representative"] == "样**"
    assert shown["phone"] == "000****0000"


FAULTS: tuple[tuple[dict[str, Any], str, str, str], ...] = (
    ({"统一社会信用代码": ""}, "refused", "统一社会信用代码", "uscc.missing"),
    ({"统一社会信用代码": uscc(7)[:-1]}, "refused", "统一社会信用代码", "uscc.length"),
    ({"统一社会信用代码": uscc(7)[:-1] + "O"}, "refused", "统一社会信用代码", "uscc.format"),
    ({"统一社会信用代码": 913205050000000100}, "refused", "统一社会信用代码", "cell.precision_lost"),
    ({"统一社会信用代码": "9.13205E+17"}, "refused", "统一社会信用代码", "cell.precision_lost"),
    ({"统一社会信用代码": "320500000012345"}, "doubtful", "统一社会信用代码", "uscc.old_registration"),
    ({"企业名称": ""}, "refused", "企业名称", "name.missing"),
    ({"企业名称": "样" * 201}, "refused", "企业名称", "name.too_long"),
    ({"注册地址": "", "经营地址": ""}, "refused", "经营地址", "address.missing"),
    ({"经营地址": "浙江省杭州市样例路1号"}, "refused", "经营地址", "address.outside_provinces"),
    ({"经营地址": "江苏省苏州市样例路1号"}, "doubtful", "经营地址", "address.county_missing"),
    ({"注册地址": "", "经营地址": "样例园8号楼"}, "doubtful", "经营地址", "address.nothing_recognised"),
    ({"注册地址": "", "经营地址": "南京市高新技术开发区8栋"}, "doubtful", "经营地址", "address.zone_spans_counties"),
    ({"注册地址": "", "经营地址": "徐州市九里区样例村"}, "doubtful", "经营地址", "address.split_district"),
    ({"是否有贷款": "不详"}, "refused", "是否有贷款", "flag.format"),
    ({"所属行业": "其他未列明"}, "refused", "所属行业", "industry.unknown"),
    ({"成立日期": "2015-13-45"}, "refused", "成立日期", "date.format"),
    ({"职工人数": "若干"}, "refused", "职工人数", "number.format"),
    ({"销售收入(万元)": "约500"}, "refused", "销售收入(万元)", "money.format"),
    ({"销售收入(万元)": "-5"}, "refused", "销售收入(万元)", "money.negative"),
    ({"销售收入(万元)": "0.0000001"}, "refused", "销售收入(万元)", "money.too_many_decimals"),
)  # fmt: skip


async def test_JS_04_every_faulty_row_names_its_row_column_and_reason_and_the_others_load(
    stack: Stack, regulator: Caller
) -> None:
    rows = [firm(1), *(firm(100 + n, **fault[0]) for n, fault in enumerate(FAULTS)), firm(2)]
    job = await imported(stack, regulator, xlsx(lines_of(rows)))
    counts = job["counts"]
    assert counts["taken"] == 2, await rows_of(regulator, job, "taken")
    assert counts["taken"] + counts["refused"] + counts["doubtful"] == counts["rows"] == len(rows)
    found = {row["row"]: row for row in await rows_of(regulator, job) if row["outcome"] != "taken"}
    for number, (_, outcome, column, code) in enumerate(FAULTS, 3):
        reason = found[number]["reasons"][0]
        said = (found[number]["outcome"], reason["column"], reason["code"])
        assert said == (outcome, column, code), reason
        assert reason["message"]


async def test_R1_a_wrong_check_character_names_the_expected_row_and_shows_the_value(
    stack: Stack, regulator: Caller
) -> None:
    code = uscc(1)
    wrong = code[:-1] + ("1" if code[-1] != "1" else "2")
    job = await imported(
        stack, regulator, xlsx(lines_of([firm(2), firm(1, 统一社会信用代码=wrong)]))
    )
    (row,) = await rows_of(regulator, job, "refused")
    assert row["row"] == 3
    assert f"末位应为 {code[-1]}" in row["reasons"][0].pop("suggestion")
    assert row["reasons"] == [
        {
            "column": "统一社会信用代码",
            "code": "uscc.check_character",
            "message": "统一社会信用代码校验位不符,有一位或多位填错",
            "value": wrong,
        }
    ]


async def test_JS_04_slips_are_repaired_without_asking(stack: Stack, regulator: Caller) -> None:
    wide = "".join(chr(ord(c) + 0xFEE0) for c in uscc(1).lower())
    rows = [
        firm(1, 统一社会信用代码=f" {wide} ", 企业名称="苏州样例（苏州） 科技有限公司\u3000"),
        firm(2, 成立日期="2015年6月1日"),
        firm(3, 成立日期="20150601", 是否有贷款="有 "),
    ]
    job = await imported(stack, regulator, xlsx(lines_of(rows)))
    assert job["counts"]["taken"] == 3, await rows_of(regulator, job)
    shown = (await regulator.get(f"/enterprises/{derived_id('enterprise', uscc(1))}")).json()
    assert (shown["uscc"], shown["name"]) == (uscc(1), "苏州样例(苏州)科技有限公司")


async def test_R2_one_code_twice_is_refused_when_equal_and_doubtful_when_not(
    stack: Stack, regulator: Caller
) -> None:
    rows = [
        firm(1),
        firm(1),
        firm(2),
        firm(2, 职工人数="99"),
        firm(3, 企业名称=firm(1)["企业名称"]),
    ]
    job = await imported(stack, regulator, xlsx(lines_of(rows)))
    shown = {
        row["row"]: (row["outcome"], [reason["code"] for reason in row["reasons"]])
        for row in await rows_of(regulator, job)
    }
    assert shown == {
        2: ("taken", []),
        3: ("refused", ["row.duplicate"]),
        4: ("doubtful", ["row.same_code_differs"]),
        5: ("doubtful", ["row.same_code_differs"]),
        6: ("taken", ["name.used_twice"]),
    }


async def test_JS_04_titles_two_header_rows_footers_and_blank_lines_are_no_rows(
    stack: Stack, regulator: Caller
) -> None:
    names = list(reversed(HEADER))
    upper = ["基本信息", *[""] * (len(names) - 1)]
    body = lines_of([firm(1), firm(2)], names)
    blank: list[Any] = [""] * len(names)
    lines = [["科技型中小企业名单"], [], upper, *body[:2], blank, body[0], body[2]]
    lines += [["合计:2 家"], ["注:样例"]]
    job = await imported(stack, regulator, xlsx(lines))
    assert job["counts"]["taken"] == job["counts"]["rows"] == 2
    assert job["blank_lines"] == 1
    assert [line["text"][:2] for line in job["skipped"]] == ["研发", "合计", "注:"]


async def test_JS_06_a_missing_business_address_falls_back_and_the_business_address_goes_first(
    stack: Stack, regulator: Caller
) -> None:
    rows = [
        firm(1, 注册地址="苏州市吴中区样例路1号", 经营地址=""),
        firm(2, 注册地址="苏州市吴中区样例路1号", 经营地址="昆山市样例路2号"),
    ]
    await imported(stack, regulator, xlsx(lines_of(rows)))
    found = await stack.rows("registry", "select region_code from enterprise order by uscc")
    assert [row["region_code"] for row in found] == ["320506", "320583"]


WRONG_FILES: tuple[tuple[bytes, str, dict[str, str]], ...] = (
    (b"%PDF-1.7 no table here", "file.not_a_spreadsheet", {}),
    (b"PK\x03\x04 broken", "file.not_a_spreadsheet", {}),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, "file.old_format", {}),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
        "file.encrypted",
        {},
    ),
    (xlsx([["姓名", "年龄"], ["样例", "1"]]), "header.missing_column", {}),
    (xlsx(lines_of([])), "sheet.no_rows", {}),
    (xlsx([["随便", "什么"]], more=("甲", "乙")), "sheet.none_fits", {}),
    (xlsx(lines_of([firm(1)])), "sheet.unknown", {"sheet": "别的"}),
    (xlsx([[""] * 70 + ["远"]]), "file.too_many_columns", {}),
)


@pytest.mark.parametrize(
    ("content", "code", "form"), WRONG_FILES, ids=[f"{n}-{w[1]}" for n, w in enumerate(WRONG_FILES)]
)
async def test_JS_04_a_wrong_file_says_what_is_wrong_with_it(
    stack: Stack, regulator: Caller, content: bytes, code: str, form: dict[str, str]
) -> None:
    job = await imported(stack, regulator, content, **form)
    assert (job["state"], job["error"]["code"]) == ("failed", code)
    if code == "sheet.unknown":
        assert "名单" in job["error"]["detail"]
    if code == "header.missing_column":
        assert "企业名称、统一社会信用代码、注册地址或经营地址" in job["error"]["detail"]
        assert "姓名、年龄" in job["error"]["detail"]
    assert not await stack.rows("registry", "select from outbox")


async def test_JS_04_an_empty_file_and_a_missing_vintage_are_refused_at_once(
    regulator: Caller,
) -> None:
    assert (await send(regulator, b"")).json()["code"] == "file.empty"
    answer = await send(regulator, xlsx(lines_of([firm(1)])), list_vintage="")
    assert answer.json()["code"] == "import.vintage_missing"
    answer = await send(regulator, xlsx(lines_of([firm(1)])), list_vintage="2030-01-01")
    assert answer.json()["code"] == "import.vintage_in_future"


async def test_S16_a_sheet_that_claims_two_far_corners_cannot_eat_the_memory(
    stack: Stack, regulator: Caller
) -> None:
    out = io.BytesIO()

    book = xlsxwriter.Workbook(out, {"in_memory": True})
    page = book.add_worksheet()
    page.write(0, 0, "企业名称")
    page.write(1_048_575, 16_383, "远")
    book.close()
    job = await imported(stack, regulator, out.getvalue())
    assert job["state"] == "failed"
    assert job["error"]["code"] == "file.too_many_columns"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
async def test_JS_04_a_csv_is_read_in_every_usual_encoding(
    stack: Stack, regulator: Caller, encoding: str
) -> None:
    lines = lines_of([firm(1, **{"销售收入(万元)": "5"})])
    text = "\n".join(",".join(line) for line in [*lines, [*lines[1], "多出一格"]])
    job = await imported(stack, regulator, text.encode(encoding))
    assert job["counts"]["taken"] == 1, job
    (row,) = await rows_of(regulator, job, "refused")
    assert row["reasons"][0]["code"] in ("row.too_many_cells", "row.duplicate")


async def test_R1_the_same_file_again_changes_nothing(stack: Stack, regulator: Caller) -> None:
    content = xlsx(lines_of([firm(1), firm(2)]))
    await imported(stack, regulator, content)
    before = len(
        await stack.rows("registry", "select from event_log where type like 'Enterprise%'")
    )
    again = await imported(stack, regulator, content)
    assert (again["counts"]["unchanged"], again["counts"]["new"]) == (2, 0)
    after = len(await stack.rows("registry", "select from event_log where type like 'Enterprise%'"))
    assert before == after == 2


async def test_R1_a_repeated_call_is_one_import_and_another_file_under_its_key_is_refused(
    stack: Stack, regulator: Caller
) -> None:
    content = xlsx(lines_of([firm(1)]))
    first = await send(regulator, content, key="same-key-1")
    second = await send(regulator, content, key="same-key-1")
    assert first.json() == second.json()
    other = await send(regulator, xlsx(lines_of([firm(2)])), key="same-key-1")
    assert other.json()["code"] == "idempotency.key_reused"
    await stack.settle()
    assert len(await stack.rows("registry", "select from import")) == 1


async def test_R1_a_dry_run_shows_the_difference_and_writes_nothing(
    stack: Stack, regulator: Caller
) -> None:
    await imported(stack, regulator, xlsx(lines_of([firm(1), firm(2), firm(3)])))
    later = xlsx(lines_of([firm(1), firm(2, 职工人数="21"), firm(4)]))
    await stack.set_clock("2023-04-01T09:00:00+08:00")
    job = await imported(stack, regulator, later, list_vintage="2022-12-31", dry_run="true")
    counts = job["counts"]
    assert job["state"] == "checked"
    assert job["compared_with"] == "2021-12-31"
    assert [counts[each] for each in ("new", "changed", "unchanged", "dropped")] == [1, 1, 1, 1]
    assert len(await stack.rows("registry", "select from list_member")) == 3
    assert not await stack.rows("registry", "select from event_log where key = '2022-12-31'")


async def test_R4_a_later_list_leaves_the_earlier_one_as_it_was(
    stack: Stack, regulator: Caller
) -> None:
    await imported(stack, regulator, xlsx(lines_of([firm(1)])))
    await stack.set_clock("2023-04-01T09:00:00+08:00")
    moved = firm(1, 经营地址="苏州市吴中区样例路9号")
    job = await imported(stack, regulator, xlsx(lines_of([moved])), list_vintage="2022-12-31")
    assert job["counts"]["changed"] == 1
    members = await stack.rows(
        "registry", "select list_vintage, region_code from list_member order by list_vintage"
    )
    assert [tuple(row) for row in members] == [("2021-12-31", "320505"), ("2022-12-31", "320506")]
    types = await stack.rows("registry", "select type from event_log where seq > 1 order by type")
    assert [row["type"] for row in types] == ["EnterpriseChanged.v1", "EnterpriseListed.v1"]


async def test_R4_a_row_of_a_used_list_cannot_be_changed_by_importing_again(
    stack: Stack, regulator: Caller
) -> None:
    await imported(stack, regulator, xlsx(lines_of([firm(1)])))
    job = await imported(stack, regulator, xlsx(lines_of([firm(1, 职工人数="21"), firm(2)])))
    counts = job["counts"]
    assert (counts["new"], counts["doubtful"]) == (1, 1)
    (row,) = await rows_of(regulator, job, "doubtful")
    assert row["reasons"][0]["code"] == "list.conflict"


async def test_R1_an_import_broken_off_has_done_nothing_and_is_begun_again(
    stack: Stack, regulator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [firm(n) for n in range(1, 4_301)]
    answer = await send(regulator, xlsx(lines_of(rows)))
    take = importing._take_chunk
    left: list[int] = []

    async def breaks(tx: Any, job: Any, number: int, *rest: Any) -> None:
        if number == 3 and not left:
            for table in ("enterprise", "list_member", "import_row", "outbox"):
                left.append((await stack.rows("registry", f"select count(*) from {table}"))[0][0])
            raise ConnectionResetError("the process died here")
        await take(tx, job, number, *rest)

    monkeypatch.setattr(importing, "_take_chunk", breaks)
    await stack.settle()
    assert left == [0, 0, 0, 0]
    job = (await regulator.get(f"/imports/{answer.json()['import_id']}")).json()
    assert (job["state"], job["counts"]["taken"], job["counts"]["new"]) == ("done", 4_300, 4_300)
    listed = await stack.rows(
        "registry",
        "select count(*), count(distinct key), max(seq) from event_log"
        " where type = 'EnterpriseListed.v1'",
    )
    assert tuple(listed[0]) == (4_300, 4_300, 1)
    assert len(await stack.rows("registry", "select from import_row")) == 4_300


async def _pin(stack: Stack) -> None:
    """What the consumer does when a campaign opens."""
    day = date(2022, 4, 1)
    opened = CampaignOpened(
        campaign_id=new_id(), profile="jiangsu-2022", list_vintage=VINTAGE, opens_on=day,
        visits_from=day, visits_until=day, contacts_due_on=day, rotation_on=day,
    )  # fmt: skip
    received = Received(
        event=opened, id=new_id(), topic="allocation.events", part=0, off=0, key="", seq=1,
        known_at=datetime.now(UTC), recorded_at=datetime.now(UTC), actor="", traceparent="",
    )  # fmt: skip
    async with stack.database("registry").transaction() as tx:
        await on_campaign_opened(received, tx)


async def test_R1_a_list_pinned_while_it_comes_in_gets_all_of_its_rows(
    stack: Stack, regulator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = importing._take_chunk
    pinning: list[asyncio.Task[None]] = []

    async def pinned(tx: Any, job: Any, number: int, *rest: Any) -> None:
        if not pinning:
            pinning.append(asyncio.create_task(_pin(stack)))
            await asyncio.sleep(0.3)  # it waits: this list is coming in
            assert not pinning[0].done()
        await take(tx, job, number, *rest)

    monkeypatch.setattr(importing, "_take_chunk", pinned)
    rows = [firm(n) for n in range(1, 2_301)]
    job = await imported(stack, regulator, xlsx(lines_of(rows)))
    assert (job["state"], job["counts"]["new"]) == ("done", 2_300)
    await pinning[0]
    late = await imported(stack, regulator, xlsx(lines_of([firm(3_000)])))
    assert late["counts"]["refused"] == 1


async def test_R1_the_report_is_the_sheet_with_result_and_reason_and_without_live_formulas(
    stack: Stack, regulator: Caller
) -> None:
    lines = lines_of([firm(1, 入库登记编号="=1+1"), firm(2, 统一社会信用代码="")])
    lines[1][2] = "'=cmd"
    job = await imported(stack, regulator, xlsx([["名单"], *lines]))
    answer = await regulator.get(f"/imports/{job['import_id']}/report.xlsx")
    assert answer.status_code == 200
    book = CalamineWorkbook.from_filelike(io.BytesIO(answer.content))
    rows = book.get_sheet_by_index(0).to_python(skip_empty_area=False)
    assert rows[1][:3] == ["结果", "原因", "企业名称"]
    assert rows[2][0] == "新增"
    assert rows[3][:2] == ["未导入", "统一社会信用代码:缺少统一社会信用代码,请补填"]
    assert b"<f>" not in answer.content


async def test_M1_only_the_regulator_imports_lists_and_a_bank_its_own_staff(
    stack: Stack, regulator: Caller
) -> None:
    bank = derived_id("institution", "B1")
    head = stack.caller("registry", "bank_head", institution_id=bank)
    answer = await send(head, xlsx(lines_of([firm(1)])))
    assert (answer.status_code, answer.json()["code"]) == (403, "access.role")
    header = ("工号", "姓名", "所属机构编码", "所属网点编码", "岗位", "到岗日期")
    staff = xlsx([header, ("1", "样例", "B2", "N1", "客户经理", "2020-01-01")])
    job = await imported(stack, head, staff, kind="staff")
    (row,) = await rows_of(head, job)
    assert row["reasons"][0]["code"] == "institution.not_yours"
    other = stack.caller("registry", "bank_head", institution_id=derived_id("institution", "B2"))
    assert (await other.get(f"/imports/{job['import_id']}")).status_code == 404
    assert (await regulator.get(f"/imports/{job['import_id']}")).status_code == 200


async def test_M1_no_persons_data_leaves_its_table(stack: Stack, regulator: Caller) -> None:
    rows = [firm(1, 法定代表人="样例唯一名", 联系电话="00012345678")]
    await imported(stack, regulator, xlsx(lines_of(rows)))
    for table in ("event_log", "audit", "import", "import_row", "enterprise", "list_member"):
        content = await stack.rows("registry", f"select t::text from {table} t")
        for text in [str(row[0]) for row in content] + [str(content)]:
            assert "样例唯一名" not in text
            assert "00012345678" not in text
    payloads = await stack.rows("registry", "select convert_from(payload, 'UTF8') from event_log")
    assert not any("样例唯一名" in row[0] for row in payloads)


async def test_R4_a_list_moves_whom_its_own_last_day_had_moved(
    stack: Stack, regulator: Caller
) -> None:
    """A list's place counts from the day after its own, as reporting reads it."""
    await imported(stack, regulator, xlsx(lines_of([firm(1)])))
    await stack.set_clock("2023-04-08T09:00:00+08:00")
    path = f"/enterprises/{enterprise(1)}"
    move = {"region_code": "320507", "valid_from": "2022-12-31", "reason": "迁址"}
    answer = await regulator("PATCH", path, json=move, headers={"if-match": '"1"'})
    assert answer.status_code == 200, answer.text
    again = firm(1, 经营地址="苏州市姑苏区样例路1号")
    await imported(stack, regulator, xlsx(lines_of([again])), list_vintage="2022-12-31")
    assert (await regulator.get(path)).json()["region_code"] == "320508"
    slices = "select valid_from::text as day, region_code from enterprise_slice order by valid_from"
    assert [tuple(row) for row in await stack.rows("registry", slices)][1:] == [
        ("2022-12-31", "320507"),
        ("2023-01-01", "320508"),
    ]


async def test_R2_one_code_under_brackets_of_either_width_is_one_enterprise(
    stack: Stack, regulator: Caller
) -> None:
    wide = firm(1, 企业名称="样例（苏州）科技有限公司")
    await imported(stack, regulator, xlsx(lines_of([wide])))
    await stack.set_clock("2023-04-08T09:00:00+08:00")
    narrow = firm(1, 企业名称="样例(苏州)科技有限公司")
    job = await imported(stack, regulator, xlsx(lines_of([narrow])), list_vintage="2022-12-31")
    assert job["counts"]["unchanged"] == 1
    assert len(await stack.rows("registry", "select from enterprise")) == 1
    # One name under two codes: two enterprises, and something for a person to look at.
    await imported(
        stack, regulator, xlsx(lines_of([narrow | {"统一社会信用代码": uscc(2)}])),
        list_vintage="2022-12-31",
    )  # fmt: skip
    assert len(await stack.rows("registry", "select from enterprise")) == 2
    (same,) = (await regulator.get("/namesakes")).json()["items"]
    assert same["usccs"] == [uscc(1), uscc(2)]


async def test_JS_01_in_scope_is_who_stands_on_the_list_of_the_provinces(
    stack: Stack, regulator: Caller
) -> None:
    outside = firm(3, 注册地址="浙江省杭州市样例路1号", 经营地址="浙江省杭州市样例路1号")
    job = await imported(stack, regulator, xlsx(lines_of([firm(1), firm(2), outside])))
    (refused,) = await rows_of(regulator, job, "refused")
    assert refused["reasons"][0]["code"] == "address.outside_provinces"

    async def listed(vintage: str) -> list[str]:
        found = await regulator.get("/search", params={"list_vintage": vintage})
        return sorted(item["uscc"] for item in found.json()["items"])

    assert await listed(VINTAGE) == [uscc(1), uscc(2)]
    await stack.set_clock("2023-04-08T09:00:00+08:00")
    await imported(stack, regulator, xlsx(lines_of([firm(2)])), list_vintage="2022-12-31")
    assert await listed("2022-12-31") == [uscc(2)]
    assert await listed(VINTAGE) == [uscc(1), uscc(2)]
