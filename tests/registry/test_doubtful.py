"""Doubtful rows wait for a person, who takes them, knows them, or refuses them (R2)."""

from typing import Any

import pytest

from shared.kernel.ids import derived_id
from tests.registry.sheets import TODAY, firm, imported, lines_of, rows_of, uscc, xlsx
from tests.registry.test_banks import INSTITUTIONS
from tests.support.stack import Caller, Stack

VAGUE = {"经营地址": "江苏省苏州市样例路1号"}


@pytest.fixture
async def regulator(stack: Stack) -> Caller:
    await stack.set_clock(TODAY)
    return stack.caller("registry", "province_regulator")


async def settle(caller: Caller, item: dict[str, Any], **body: Any) -> Any:
    path = f"/imports/{item['import_id']}/rows/{item['row']}/decision"
    return await caller.post(path, json={"reason": "已电话核实"} | body)


async def waiting(caller: Caller) -> list[dict[str, Any]]:
    return (await caller.get("/doubtful")).json()["items"]


async def test_R2_a_doubtful_row_is_taken_once_its_cell_is_put_right(
    stack: Stack, regulator: Caller
) -> None:
    job = await imported(stack, regulator, xlsx(lines_of([firm(1), firm(2, **VAGUE)])))
    (item,) = await waiting(regulator)
    assert (item["key"], item["row"]) == (uscc(2), 3)
    still = await settle(regulator, item, decision="take")
    assert (still.status_code, still.json()["code"]) == (422, "row.still_wrong")
    assert still.json()["errors"][0]["code"] == "address.county_missing"
    fixed = {"business_address": "江苏省苏州市虎丘区样例路1号"}
    done = await settle(regulator, item, decision="take", corrections=fixed)
    assert done.status_code == 200, done.text
    assert (done.json()["outcome"], done.json()["change"]) == ("taken", "new")
    assert await waiting(regulator) == []
    now = (await regulator.get(f"/imports/{job['import_id']}")).json()["counts"]
    assert (now["rows"], now["taken"], now["doubtful"], now["new"]) == (2, 2, 0, 2)
    shown = await regulator.get(f"/enterprises/{derived_id('enterprise', uscc(2))}")
    assert shown.json()["region_code"] == "320505"
    again = await settle(regulator, item, decision="refuse")
    assert again.json()["code"] == "row.decided"
    (kept,) = await stack.rows("registry", "select decision, reason from row_decision")
    assert tuple(kept) == ("take", "已电话核实")


async def test_R2_a_doubtful_row_is_an_enterprise_that_is_known(
    stack: Stack, regulator: Caller
) -> None:
    old = firm(1, 统一社会信用代码="320500000012345")
    await imported(stack, regulator, xlsx(lines_of([firm(1), firm(3)])))
    newer = xlsx(lines_of([firm(3), old]))
    await imported(stack, regulator, newer, list_vintage="2022-03-31")
    (item,) = await waiting(regulator)
    nobody = await settle(regulator, item, decision="existing")
    assert nobody.json()["code"] == "row.enterprise_missing"
    known = str(derived_id("enterprise", uscc(1)))
    done = await settle(regulator, item, decision="existing", enterprise_id=known)
    assert done.status_code == 200, done.text
    assert (done.json()["outcome"], done.json()["change"]) == ("taken", "unchanged")
    members = await stack.rows(
        "registry", "select 1 from list_member where list_vintage = '2022-03-31'"
    )
    assert len(members) == 2


async def test_R4_a_row_that_differs_from_its_list_leaves_the_list_as_it_is(
    stack: Stack, regulator: Caller
) -> None:
    await imported(stack, regulator, xlsx(lines_of([firm(1)])))
    await imported(stack, regulator, xlsx(lines_of([firm(1, 职工人数="99")])))
    (item,) = await waiting(regulator)
    taken = await settle(regulator, item, decision="take")
    assert taken.json()["code"] == "row.still_doubtful"
    known = str(derived_id("enterprise", uscc(1)))
    done = await settle(regulator, item, decision="existing", enterprise_id=known)
    assert done.json()["change"] == "unchanged"
    (member,) = await stack.rows("registry", "select employees from list_member")
    assert member["employees"] == 20


async def test_R2_a_doubtful_row_is_refused_with_a_reason(stack: Stack, regulator: Caller) -> None:
    job = await imported(stack, regulator, xlsx(lines_of([firm(1, **VAGUE)])))
    (item,) = await waiting(regulator)
    bank = stack.caller("registry", "bank_head", institution_id=derived_id("institution", "A"))
    assert await waiting(bank) == []
    assert (await settle(bank, item, decision="refuse")).status_code == 404
    assert (await settle(regulator, item, decision="refuse")).json()["outcome"] == "refused"
    assert len(await rows_of(regulator, job, "refused")) == 1
    unknown = await settle(regulator, item | {"row": 99}, decision="take")
    assert unknown.json()["code"] == "row.unknown"


async def test_R2_a_refusal_is_taken_back_and_the_row_waits_again(
    stack: Stack, regulator: Caller
) -> None:
    wrong = firm(3, 统一社会信用代码=uscc(3)[:-1] + "O")
    sheet = xlsx(lines_of([firm(1), firm(2, **VAGUE), wrong]))
    job = await imported(stack, regulator, sheet)
    before = job["counts"]
    (item,) = await waiting(regulator)
    path = f"/imports/{item['import_id']}/rows/{item['row']}/reopening"
    why = {"reason": "误操作"}
    early = await regulator.post(path, json=why)
    assert (early.status_code, early.json()["code"]) == (409, "row.not_refused")
    await settle(regulator, item, decision="refuse")
    assert await waiting(regulator) == []
    bank = stack.caller("registry", "bank_head", institution_id=derived_id("institution", "A"))
    assert (await bank.post(path, json=why)).status_code == 404
    back = await regulator.post(path, json=why)
    assert (back.status_code, back.json()["outcome"]) == (200, "doubtful"), back.text
    assert await waiting(regulator) == [item]
    counts = (await regulator.get(f"/imports/{item['import_id']}")).json()["counts"]
    assert counts == before
    assert (await regulator.post(path, json=why)).json()["code"] == "row.not_refused"
    fixed = {"business_address": "江苏省苏州市虎丘区样例路1号"}
    done = await settle(regulator, item, decision="take", corrections=fixed)
    assert (done.json()["outcome"], done.json()["change"]) == ("taken", "new")
    assert (await regulator.post(path, json=why)).json()["code"] == "row.not_refused"
    # What the file itself had wrong is no person's refusal.
    unfit = path.replace(f"/rows/{item['row']}/", "/rows/4/")
    assert (await regulator.post(unfit, json=why)).json()["code"] == "row.not_refused"


async def test_R2_a_bank_takes_its_own_refusal_back(stack: Stack, regulator: Caller) -> None:
    await imported(stack, regulator, xlsx(INSTITUTIONS), kind="institutions")
    where = derived_id("institution", INSTITUTIONS[1][0])
    bank = stack.caller("registry", "bank_head", institution_id=where)
    vague = [["网点编码", "网点名称", "所属机构编码", "行政区划代码", "地址"]]
    vague += [["N1", "样例一支行", INSTITUTIONS[1][0], "", "江苏省苏州市样例路1号"]]
    job = await imported(stack, bank, xlsx(vague), kind="outlets")
    (item,) = await waiting(bank)
    assert (await settle(bank, item, decision="refuse")).json()["outcome"] == "refused"
    path = f"/imports/{item['import_id']}/rows/{item['row']}/reopening"
    assert (await bank.post(path, json={"reason": "误操作"})).status_code == 200
    assert await waiting(bank) == [item]
    counts = (await bank.get(f"/imports/{item['import_id']}")).json()["counts"]
    assert counts == job["counts"]
