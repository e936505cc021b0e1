"""Merged and un-merged, renamed, disposed of: dated, with reasons, and by two persons."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.allocation import EnterpriseAssigned
from shared.kernel.ids import derived_id
from tests.registry.sheets import TODAY, firm, imported, lines_of, uscc, xlsx
from tests.support.stack import Caller, Stack

BANK = derived_id("institution", "A")


def enterprise(number: int) -> UUID:
    return derived_id("enterprise", uscc(number))


@pytest.fixture
async def regulator(stack: Stack) -> Caller:
    await stack.set_clock(TODAY)
    caller = stack.caller("registry", "province_regulator")
    rows = [firm(1), firm(2, 企业名称="苏州样例001科技有限公司"), firm(3)]
    await imported(stack, caller, xlsx(lines_of(rows)))
    return caller


async def merged(caller: Caller, survivor: int, other: int, **more: Any) -> Any:
    body = {
        "survivor_id": str(enterprise(survivor)), "merged_id": str(enterprise(other)),
        "merged_on": "2022-04-01", "reason": "换照后重复登记",
    }  # fmt: skip
    return await caller.post("/mergers", json=body | more)


async def shown(caller: Caller) -> list[str]:
    return [item["uscc"] for item in (await caller.get("/enterprises")).json()["items"]]


async def events(stack: Stack, name: str) -> list[str]:
    await stack.settle()
    rows = await stack.rows(
        "registry", "select key from event_log where type = $1 order by key", f"{name}.v1"
    )
    return [row["key"] for row in rows]


async def test_R2_namesakes_with_two_codes_wait_for_a_person(regulator: Caller) -> None:
    (pair,) = (await regulator.get("/namesakes")).json()["items"]
    assert pair["usccs"] == [uscc(1), uscc(2)]
    assert (await merged(regulator, 1, 2)).status_code == 201
    assert (await regulator.get("/namesakes")).json()["items"] == []


async def test_R3_merge_then_un_merge_returns_everything(stack: Stack, regulator: Caller) -> None:
    before = await shown(regulator)
    made = await merged(regulator, 1, 2)
    assert made.status_code == 201, made.text
    assert await shown(regulator) == [uscc(1), uscc(3)]
    both = sorted(map(str, (enterprise(1), enterprise(2))))
    assert await events(stack, "EnterprisesMerged") == both
    path = f"/mergers/{made.json()['merger_id']}/undo"
    undone = await regulator.post(path, json={"reason": "误判"})
    assert undone.json()["undone_on"] == "2022-04-08"
    assert await shown(regulator) == before
    assert await events(stack, "EnterprisesUnmerged") == both
    again = await regulator.post(path, json={"reason": "误判"})
    assert again.json()["code"] == "merge.undone_before"
    (told,) = (await regulator.get(f"/enterprises/{enterprise(2)}/mergers")).json()["items"]
    assert (told["reason"], told["undone_reason"]) == ("换照后重复登记", "误判")


async def test_R3_a_merger_makes_no_chain_no_circle_and_no_future(regulator: Caller) -> None:
    assert (await merged(regulator, 1, 1)).json()["code"] == "merge.same"
    late = await merged(regulator, 1, 2, merged_on="2022-04-09")
    assert late.json()["code"] == "change.in_future"
    assert (await merged(regulator, 1, 2)).status_code == 201
    assert (await merged(regulator, 3, 2)).json()["code"] == "merge.already_merged"
    assert (await merged(regulator, 2, 3)).json()["code"] == "merge.already_merged"
    assert (await merged(regulator, 3, 1)).json()["code"] == "merge.chain"
    assert (await merged(regulator, 1, 3)).status_code == 201


async def test_R3_a_bureau_merges_only_what_it_sees(stack: Stack, regulator: Caller) -> None:
    suzhou = stack.caller("registry", "bureau", region_code="320500")
    nanjing = stack.caller("registry", "bureau", region_code="320100")
    assert (await merged(nanjing, 1, 2)).status_code == 404
    made = await merged(suzhou, 1, 2)
    assert made.status_code == 201
    undo = f"/mergers/{made.json()['merger_id']}/undo"
    assert (await nanjing.post(undo, json={"reason": "x"})).status_code == 404


async def test_R2_a_renamed_enterprise_keeps_its_former_name(regulator: Caller) -> None:
    path = f"/enterprises/{enterprise(3)}/names"
    body = {
        "name": "苏州新名（苏州）科技有限公司",
        "valid_from": "2022-04-02",
        "reason": "更名登记",
    }
    answer = await regulator.post(path, json=body, headers={"if-match": '"1"'})
    assert answer.status_code == 200, answer.text
    assert answer.json()["former_names"] == [
        {"name": "苏州样例003科技有限公司", "valid_to": "2022-04-02", "reason": "更名登记"}
    ]
    assert answer.json()["name"] == "苏州新名（苏州）科技有限公司"
    found = (await regulator.get("/enterprises", params={"q": "苏州新名"})).json()["items"]
    assert [item["uscc"] for item in found] == [uscc(3)]
    stale = await regulator.post(path, json=body, headers={"if-match": '"1"'})
    assert stale.json()["code"] == "version.stale"


async def test_R9_a_disposition_counts_only_after_another_person_agreed(
    stack: Stack, regulator: Caller
) -> None:
    await stack.publish(
        EnterpriseAssigned(
            assignment_id=uuid4(),
            enterprise_id=enterprise(1),
            campaign_id=uuid4(),
            tier=2,
            bureau_code=None,
            institution_id=BANK,
            region_code="320505",
            round=1,
            assigned_on=date(2022, 4, 8),
        )
    )
    await stack.settle()
    manager = stack.caller("registry", "relationship_manager", institution_id=BANK)
    bureau = stack.caller("registry", "bureau", region_code="320500")
    body = {"kind": "cancelled", "disposed_on": "2022-04-07", "evidence": "工商登记显示已注销"}
    foreign = await manager.post(f"/enterprises/{enterprise(2)}/dispositions", json=body)
    assert foreign.status_code == 404
    claimed = await manager.post(f"/enterprises/{enterprise(1)}/dispositions", json=body)
    assert claimed.status_code == 201, claimed.text
    twice = await manager.post(f"/enterprises/{enterprise(1)}/dispositions", json=body)
    assert twice.json()["code"] == "disposition.waiting"
    assert await events(stack, "EnterpriseDisposed") == []
    path = f"/dispositions/{claimed.json()['disposition_id']}/decision"
    word = {"approve": True, "reason": "已核实"}
    assert (await manager.post(path, json=word)).status_code == 403
    nanjing = stack.caller("registry", "bureau", region_code="320100")
    assert (await nanjing.post(path, json=word)).status_code == 404
    decided = await bureau.post(path, json=word)
    assert decided.json()["state"] == "approved"
    assert await events(stack, "EnterpriseDisposed") == [str(enterprise(1))]
    assert (await bureau.post(path, json=word)).json()["code"] == "disposition.decided"
    own = await regulator.post(
        f"/enterprises/{enterprise(3)}/dispositions", json=body | {"kind": "unreachable"}
    )
    path = f"/dispositions/{own.json()['disposition_id']}/decision"
    assert (await regulator.post(path, json=word)).json()["code"] == "approval.same_person"
    waiting = (await bureau.get("/dispositions", params={"state": "claimed"})).json()["items"]
    assert [each["kind"] for each in waiting] == ["unreachable"]
