"""Judging enterprises through the API: reasons, history, jobs, stages and their override."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from services.registry.store.imports import lock_kind
from shared.kernel.ids import derived_id
from tests.registry.sheets import TODAY, firm, imported, lines_of, rows_of, uscc, xlsx
from tests.support.stack import Caller, Stack

FILED: dict[str, Any] = {
    "staff": 100, "rd_staff": 30, "sales": "10000.00", "rd": "599.00", "cost": "1000000.00",
    "assets": "80000000", "resident": True, "barred_products": False, "serious_accident": False,
    "environmental_offence": False, "research_misconduct": False, "abnormal_listing": False,
    "class_one_rights": 1,
}  # fmt: skip


def enterprise(number: int) -> UUID:
    return derived_id("enterprise", uscc(number))


@pytest.fixture
async def regulator(stack: Stack) -> Caller:
    """Three enterprises on a list that says little."""
    await stack.set_clock(TODAY)
    caller = stack.caller("registry", "province_regulator")
    rows = [firm(1), firm(2, 职工人数="501"), firm(3, 成立日期="2020-01-01")]
    await imported(stack, caller, xlsx(lines_of(rows)))
    return caller


async def filed(caller: Caller, number: int, **other: Any) -> Any:
    body = {"as_of": "2022-03-31", "source": "企业年报", "facts": FILED | other}
    answer = await caller.post(f"/enterprises/{enterprise(number)}/facts", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def assessed(stack: Stack, caller: Caller, **body: Any) -> dict[str, Any]:
    answer = await caller.post("/assessments", json=body)
    assert answer.status_code == 202, answer.text
    await stack.settle()
    return (await caller.get(f"/jobs/{answer.json()['job_id']}")).json()


async def explained(caller: Caller, number: int) -> dict[str, Any]:
    found = (await caller.get(f"/enterprises/{enterprise(number)}/assessments")).json()
    return found | {each["standard"]: each for each in found["judgements"]}


def criterion(judgement: dict[str, Any], key: str) -> dict[str, Any]:
    return next(each for each in judgement["criteria"] if each["key"] == key)


async def test_R5_599_per_myriad_is_40_points_and_600_is_50_with_facts_and_version(
    stack: Stack, regulator: Caller
) -> None:
    await filed(regulator, 1)
    await assessed(stack, regulator)
    before = (await explained(regulator, 1))["tech_sme"]
    assert (before["points_low"], before["verdict"], before["version"]) == (90, "met", "TS-2017")
    research = criterion(before, "TS-04.rd")
    assert (research["points_low"], research["points_high"]) == (40, 40)
    assert research["facts"][0] == {
        "name": "rd", "title": "年研发费用", "value": "599.00", "as_of": "2022-03-31",
        "source": "企业年报",
    }  # fmt: skip
    await filed(regulator, 1, rd="600.00")
    await assessed(stack, regulator)
    after = await explained(regulator, 1)
    assert after["tech_sme"]["points_low"] == 100
    assert [(h["standard"], h["points_low"]) for h in after["history"] if h["standard"] == "tech_sme"] == [("tech_sme", 100), ("tech_sme", 90)]  # fmt: skip
    assert after["tech_sme"]["reproduced"] is True


async def test_R5_what_the_list_says_is_a_fact_and_what_nobody_says_is_unknown(
    stack: Stack, regulator: Caller
) -> None:
    job = await assessed(stack, regulator, list_vintage="2021-12-31")
    assert job["state"] == "done", job
    assert job["result"] == {"judged": 3, "changed": 9}
    first = (await explained(regulator, 1))["tech_sme"]
    assert first["verdict"] == "unknown"
    staff = criterion(first, "TS-01.staff")
    assert (staff["verdict"], staff["facts"][0]["source"]) == ("met", "list:2021-12-31")
    assert criterion(first, "TS-01.assets")["asked"] == ["资产总额"]
    second = (await explained(regulator, 2))["tech_sme"]
    assert second["verdict"] == "not_met"  # 501 of staff: whatever else may be unknown
    again = await assessed(stack, regulator)
    assert again["result"] == {"judged": 3, "changed": 0}


async def test_R5_results_are_listed_counted_and_announced_once(
    stack: Stack, regulator: Caller
) -> None:
    await filed(regulator, 1)
    await assessed(stack, regulator)
    await assessed(stack, regulator)
    found = await regulator.get(
        "/assessments", params={"standard": "tech_sme", "verdict": "met", "region": "320500"}
    )
    assert [item["uscc"] for item in found.json()["items"]] == [uscc(1)]
    counts = (await regulator.get("/assessments/counts")).json()["items"]
    assert {"standard": "tech_sme", "verdict": "not_met", "enterprises": 1} in counts
    events = await stack.rows(
        "registry", "select type, count(*) from event_log where type like '%Assessed%' group by 1"
    )
    # "Unknown" where nothing was known before is no news: of six results three are.
    known = await stack.rows(
        "registry",
        "select from assessment where current and standard <> 'stage' and verdict <> 'unknown'",
    )
    assert len(known) == 3
    assert dict(map(tuple, events)) == {"EnterpriseAssessed.v1": 3, "StageAssessed.v1": 3}


async def test_R6_four_tech_through_the_api(stack: Stack, regulator: Caller) -> None:
    patent = {
        "kind": "invention_patent", "held_since": "2018-01-01", "valid_until": "2030-01-01",
        "main_product": True, "pledged_yuan": "5000000.00",
    }  # fmt: skip
    rights = [patent | {"number": f"P{n}"} for n in range(5)]
    await filed(regulator, 1, rd="600.00", rights=rights)
    await filed(regulator, 2, rd="600.00", rights=rights[:4])
    await assessed(stack, regulator)
    assert (await explained(regulator, 1))["four_tech"]["verdict"] == "met"
    failed = (await explained(regulator, 2))["four_tech"]
    assert failed["verdict"] == "not_met"
    patents = criterion(failed, "JL-01.patents")
    assert (patents["verdict"], patents["points_low"]) == ("not_met", 4)
    assert patents["title"] == "高价值发明专利不少于5件"


async def test_R7_a_change_on_30_june_leaves_the_second_quarter_as_it_was(
    stack: Stack, regulator: Caller
) -> None:
    await assessed(stack, regulator)
    (first,) = (await explained(regulator, 3))["stages"]
    assert (first["stage"], first["phase"], first["source"]) == ("cocoon", "start_up", "rule")
    await stack.set_clock("2022-06-30T10:00:00+08:00")
    path = f"/enterprises/{enterprise(3)}/stage"
    body = {"stage": "butterfly", "phase": "growth", "reason": "并购后规模已达成长期"}
    answer = await regulator("PUT", path, json=body)
    assert answer.status_code == 200, answer.text
    last = answer.json()["items"][-1]
    assert (last["valid_from"], last["source"], last["reason"]) == (
        "2022-07-01", "override", "并购后规模已达成长期",
    )  # fmt: skip
    await stack.set_clock("2022-08-01T10:00:00+08:00")
    await assessed(stack, regulator)
    assert len((await explained(regulator, 3))["stages"]) == 2  # a person's word stands
    lifted = await regulator("PUT", path, json={"stage": None, "reason": "复核后取消"})
    assert lifted.json()["items"][-1]["valid_from"] == "2022-08-02"
    assert lifted.json()["items"][-1]["source"] == "rule"
    twice = await regulator("PUT", path, json={"stage": None, "reason": "再取消"})
    assert (twice.status_code, twice.json()["code"]) == (409, "stage.not_overridden")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"rd_staff": 101}, "facts.contradict"),
        ({"staff": -1}, "facts.negative"),
        ({"staff": None}, "facts.format"),
        ({"sales": 5}, "facts.format"),
        ({"profit": 5}, "facts.unknown_name"),
        ({"rights": [{"kind": "poem", "number": "1"}]}, "facts.format"),
    ],
)
async def test_TS_01_facts_that_cannot_be_are_refused(
    regulator: Caller, change: dict[str, Any], code: str
) -> None:
    body = {"as_of": "2022-03-31", "source": "企业年报", "facts": FILED | change}
    answer = await regulator.post(f"/enterprises/{enterprise(1)}/facts", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_M1_a_bank_neither_sees_nor_states_facts_of_others_enterprises(
    stack: Stack, regulator: Caller
) -> None:
    await assessed(stack, regulator)
    bank = stack.caller("registry", "bank_head", institution_id=derived_id("institution", "B"))
    path = f"/enterprises/{enterprise(1)}"
    assert (await bank.get(f"{path}/assessments")).status_code == 404
    body = {"as_of": "2022-03-31", "source": "年报", "facts": {"staff": 1}}
    assert (await bank.post(f"{path}/facts", json=body)).status_code == 404
    listed = await bank.get("/assessments", params={"standard": "tech_sme"})
    assert listed.json()["items"] == []
    manager = stack.caller(
        "registry", "relationship_manager", institution_id=derived_id("institution", "B")
    )
    assert (await manager.post(f"{path}/facts", json=body)).status_code == 403


async def test_TS_04_facts_come_by_spreadsheet_as_of_a_day(stack: Stack, regulator: Caller) -> None:
    header = [
        "企业名称", "统一社会信用代码", "职工总数", "科技人员数", "年销售收入(万元)",
        "年研发费用(万元)", "资产总额(万元)", "境内注册的居民企业", "Ⅰ类知识产权数",
        "高新技术企业证书有效期至",
    ]  # fmt: skip
    lines = [
        header,
        ["样例", uscc(1), "100", "30", "1000", "60", "900", "是", "1", "2023-06-30"],
        ["样例", uscc(2), "100", "9", "1000", "", "", "", "", "无"],
        ["样例", uscc(3), "100", "101", "", "", "", "", "", ""],
        ["样例", uscc(9), "100", "30", "", "", "", "", "", ""],
        ["样例", uscc(3, "320506"), "", "", "", "", "", "", "", ""],
    ]
    form = {"kind": "facts", "valid_from": "2022-03-31"}
    dry = await imported(stack, regulator, xlsx(lines), **form, dry_run="true")
    job = await imported(stack, regulator, xlsx(lines), **form)
    assert dry["counts"] == job["counts"]
    assert (job["counts"]["new"], job["counts"]["refused"]) == (2, 3), job
    refused = {row["row"]: row["reasons"][0] for row in await rows_of(regulator, job, "refused")}
    assert {n: why["code"] for n, why in refused.items()} == {
        4: "facts.contradict", 5: "enterprise.unknown", 6: "facts.empty",
    }  # fmt: skip
    assert all(why["message"] for why in refused.values())
    again = await imported(stack, regulator, xlsx(lines), **form)
    assert (again["counts"]["unchanged"], again["counts"]["new"]) == (2, 0)
    sheets = (await regulator.get(f"/enterprises/{enterprise(1)}/facts")).json()["items"]
    assert [(s["as_of"], s["source"], s["facts"]["sales"]) for s in sheets] == [
        ("2022-03-31", "import", "10000000.00"),
    ]  # fmt: skip
    # Known when the import had ended, not when it began: nobody could judge by it in between.
    (end,) = await stack.rows(
        "registry", "select finished_at from import where import_id = $1", UUID(job["import_id"])
    )
    known = await stack.rows(
        "registry", "select recorded_at from fact_sheet where source = 'import'"
    )
    assert {row[0] for row in known} == {end[0]}
    (none,) = (await regulator.get(f"/enterprises/{enterprise(2)}/facts")).json()["items"]
    assert none["facts"] == {
        "staff": 100, "rd_staff": 9, "sales": "10000000.00", "high_tech_until": None,
    }  # fmt: skip
    lines[1][3] = "20"
    changed = await imported(stack, regulator, xlsx(lines), **form)
    assert (changed["counts"]["changed"], changed["counts"]["unchanged"]) == (1, 1)


async def test_TS_04_a_sheet_of_facts_does_not_wait_for_an_import_of_a_bank(
    stack: Stack, regulator: Caller
) -> None:
    sheet = xlsx([["统一社会信用代码", "职工总数"], [uscc(1), "100"]])
    async with stack.database("registry").transaction() as tx:
        await lock_kind(tx, "outlets")
        async with asyncio.timeout(20):
            job = await imported(stack, regulator, sheet, kind="facts", valid_from="2022-03-31")
    assert (job["state"], job["counts"]["new"]) == ("done", 1)
