"""Institutions, outlets and staff: imported, read, and seen by whom they concern."""

import json
from pathlib import Path

import pytest

from benchmarks.province.generate import generate
from benchmarks.province.sheets import write_files
from services.registry.domain.banknames import bank_of
from shared.kernel.ids import derived_id
from tests.registry.sheets import TODAY, imported, rows_of, uscc, xlsx
from tests.support.stack import Caller, Stack

INSTITUTIONS = (
    ("机构编码", "机构名称", "机构类型"),
    ("B1", "样例银行一", "国有大型银行"),
    ("B2", "样例银行二", "农村商业银行"),
)
OUTLETS = (
    ("网点编码", "网点名称", "所属机构编码", "行政区划代码", "经度", "纬度", "客户经理人数", "服务能力(户)"),
    ("N1", "样例一支行", "B1", "320505", "120.55", "31.30", "3", "60"),
    ("N2", "样例二支行", "B2", "320102", "", "", "", ""),
)  # fmt: skip
STAFF = (
    ("工号", "姓名", "所属机构编码", "所属网点编码", "岗位", "到岗日期", "离岗日期"),
    ("S1", "样例甲", "B1", "N1", "支行行长", "2020-01-01", ""),
    ("S2", "样例乙", "B1", "N1", "客户经理", "2020-01-01", "2022-01-31"),
    ("S3", "样例丙", "B2", "N2", "客户经理", "2021-05-01", ""),
)


@pytest.fixture
async def regulator(stack: Stack) -> Caller:
    """Two banks with an outlet each."""
    await stack.set_clock(TODAY)
    caller = stack.caller("registry", "province_regulator")
    for kind, lines in (("institutions", INSTITUTIONS), ("outlets", OUTLETS), ("staff", STAFF)):
        job = await imported(stack, caller, xlsx(lines), kind=kind)
        assert job["counts"]["taken"] == len(lines) - 1, await rows_of(caller, job)
    return caller


async def test_JS_07_banks_become_events_with_what_is_known(
    stack: Stack, regulator: Caller
) -> None:
    rows = await stack.rows(
        "registry",
        "select type, convert_from(payload, 'UTF8')::jsonb->'data' as data from event_log"
        " order by type, key",
    )
    assert [row["type"].partition(".")[0] for row in rows] == [
        *["InstitutionChanged"] * 2, *["OutletChanged"] * 2, *["StaffChanged"] * 3,
    ]  # fmt: skip
    outlets = {
        data["name"]: data
        for row in rows
        if "name"
        in (data := json.loads(str(row["data"])) if isinstance(row["data"], str) else row["data"])
    }
    assert outlets["样例一支行"]["precision"] == "point"
    assert outlets["样例一支行"]["service_capacity"] == 60
    assert outlets["样例二支行"]["precision"] == "county"
    assert outlets["样例二支行"]["service_capacity"] is None
    assert outlets["样例二支行"]["relationship_managers"] == 0


async def test_JS_07_the_same_roster_again_emits_nothing_and_a_change_one_event(
    stack: Stack, regulator: Caller
) -> None:
    job = await imported(stack, regulator, xlsx(STAFF), kind="staff")
    assert job["counts"]["unchanged"] == 3
    changed = [*STAFF[:3], ("S3", "样例丙", "B2", "N2", "客户经理", "2021-05-01", "2022-03-31")]
    job = await imported(stack, regulator, xlsx(changed), kind="staff")
    assert (job["counts"]["unchanged"], job["counts"]["changed"]) == (2, 1)
    rows = await stack.rows("registry", "select from event_log where type = 'StaffChanged.v1'")
    assert len(rows) == 4


async def test_M1_a_bank_sees_only_its_own_outlets_and_staff(
    stack: Stack, regulator: Caller
) -> None:
    bank = derived_id("institution", "B1")
    manager = stack.caller("registry", "relationship_manager", institution_id=bank)
    outlets = (await manager.get("/outlets")).json()["items"]
    assert [each["outlet_code"] for each in outlets] == ["N1"]
    staff = (await manager.get("/staff")).json()["items"]
    assert [(each["name"], each["position"]) for each in staff] == [("样例甲", "branch_head")]
    other = derived_id("institution", "B2")
    assert (await manager.get("/staff", params={"institution_id": str(other)})).json()[
        "items"
    ] == []
    seen = (await regulator.get("/staff")).json()["items"]
    assert {each["name"] for each in seen} == {"样**"}
    bureau = stack.caller("registry", "bureau", region_code="320100")
    assert [o["outlet_code"] for o in (await bureau.get("/outlets")).json()["items"]] == ["N2"]
    names = (await manager.get("/institutions")).json()["items"]
    assert [each["institution_code"] for each in names] == ["B1", "B2"]


async def test_JS_07_outlets_without_a_bank_code_get_their_bank_from_the_name(
    stack: Stack, regulator: Caller
) -> None:
    lines = [
        ("机构名称", "统一社会信用代码", "注册日期", "所在省份", "地区", "注册地址"),
        ("中国农业银行股份有限公司样例支行", uscc(1), "1980-01-01", "江苏", "苏州", "昆山市样例路1号"),
        ("江苏样例农村商业银行股份有限公司甲支行", uscc(2), "1980-01-01", "江苏", "苏州", "常熟市样例路1号"),
        ("江苏样例农村商业银行股份有限公司乙支行", uscc(3), "1980-01-01", "江苏", "苏州", "常熟市样例路2号"),
        ("样例储金会", uscc(4), "1980-01-01", "江苏", "苏州", "常熟市样例路3号"),
        ("中国工商银行样例支行", uscc(5), "1980-01-01", "浙江", "杭州", "样例路3号"),
    ]  # fmt: skip
    job = await imported(stack, regulator, xlsx(lines), kind="outlets")
    shown = {
        row["row"]: (row["outcome"], [r["code"] for r in row["reasons"]])
        for row in await rows_of(regulator, job)
    }
    assert shown[5] == ("doubtful", ["institution.not_derived"])
    assert shown[6] == ("refused", ["address.outside_provinces"])
    assert job["counts"]["taken"] == 3
    banks = await stack.rows(
        "registry", "select code, institution_type from institution where code not like 'B_'"
    )
    kinds = {(row["code"].partition("-")[0], row["institution_type"]) for row in banks}
    assert kinds == {("ABC", "state"), ("RCB", "rural_commercial")}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("中国农业银行股份有限公司江阴分行", "state"),
        ("中国农业发展银行吉林省分行", "policy"),
        ("中国邮政储蓄银行股份有限公司样例支行", "postal"),
        ("中国银行股份有限公司样例支行", "state"),
        ("中国民生银行股份有限公司样例支行", "joint_stock"),
        ("样例浦发村镇银行有限责任公司", "village"),
        ("江苏样例农村商业银行股份有限公司样例支行", "rural_commercial"),
        ("样例市农村信用合作联社样例信用社", "rural_commercial"),
        ("吉林银行股份有限公司样例支行", "city_commercial"),
        ("宁波银行股份有限公司苏州分行", "city_commercial"),
        ("汇丰银行(中国)有限公司苏州分行", "foreign"),
    ],
)
def test_JS_07_a_bank_is_known_by_its_name(name: str, kind: str) -> None:
    bank = bank_of(name)
    assert bank is not None
    assert bank.institution_type == kind


def test_JS_07_branches_of_one_local_bank_share_one_code() -> None:
    first = bank_of("江苏样例农村商业银行股份有限公司甲支行")
    second = bank_of("江苏样例农村商业银行乙分理处")
    assert first is not None
    assert first == second


async def test_R1_the_rows_of_a_generated_province_add_up_and_every_fault_is_found(
    stack: Stack, tmp_path: Path
) -> None:
    await stack.set_clock(TODAY)
    caller = stack.caller("registry", "province_regulator")
    write_files(generate("small", 7), tmp_path)
    book = json.loads((tmp_path / "manifest.json").read_text())
    for kind in ("institutions", "outlets", "staff", "enterprises"):
        job = await imported(stack, caller, (tmp_path / f"{kind}.xlsx").read_bytes(), kind=kind)
        counts, want = job["counts"], book[kind]
        assert job["state"] == "done", job
        assert counts["taken"] + counts["refused"] + counts["doubtful"] == counts["rows"]
        assert (counts["rows"], counts["taken"]) == (want["rows"], want["clean"])
        assert (counts["refused"], counts["doubtful"]) == (want["refused"], want["doubtful"])
        found = {
            row["row"]: (row["outcome"], row["reasons"][0]["code"], row["reasons"][0]["column"])
            for row in await rows_of(caller, job)
            if row["outcome"] != "taken"
        }
        marked = {m["row"]: (m["outcome"], m["code"], m["column"]) for m in want["faulty"]}
        assert found == marked


async def test_JS_12_only_the_banks_own_people_are_on_a_roster(
    stack: Stack, regulator: Caller
) -> None:
    lines = [
        (*STAFF[0], "用工性质"),
        ("S7", "样例丁", "B1", "N1", "客户经理", "2021-05-01", "", "正式"),
        ("S8", "样例戊", "B1", "N1", "客户经理", "2021-05-01", "", "劳务派遣"),
        ("S9", "样例己", "B1", "N1", "客户经理", "2021-05-01", "", "第三方"),
    ]
    job = await imported(stack, regulator, xlsx(lines), kind="staff")
    assert (job["counts"]["taken"], job["counts"]["refused"]) == (1, 2)
    found = await rows_of(regulator, job, "refused")
    assert {row["reasons"][0]["code"] for row in found} == {"staff.third_party"}
