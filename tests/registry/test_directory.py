"""The directory as it stood on any day, borders that move, and the working calendar."""

from typing import Any
from uuid import uuid4

import pytest

from shared.kernel.ids import derived_id
from tests.registry.sheets import TODAY, firm, imported, lines_of, uscc, xlsx
from tests.registry.test_enterprises import codes, enterprise
from tests.support.stack import Caller, Stack


@pytest.fixture
async def regulator(stack: Stack) -> Caller:
    await stack.set_clock(TODAY)
    return stack.caller("registry", "province_regulator")


def party(kind: str, code: str, **other: Any) -> dict[str, Any]:
    """A party since the year before."""
    return {
        "kind": kind, "code": code, "name": f"样例{code}", "valid_from": "2021-01-01",
        "region_code": None if kind in ("bank_group", "bank") else "320500",
    } | other  # fmt: skip


async def enter(caller: Caller, *items: dict[str, Any]) -> Any:
    return await caller.post("/parties", json={"items": list(items)})


async def names(caller: Caller, **query: str) -> list[str]:
    answer = await caller.get("/parties", params=query)
    assert answer.status_code == 200, answer.text
    return [item["code"] for item in answer.json()["items"]]


TREE = (
    party("bank_group", "G1"),
    party("bank", "B1", parent={"kind": "bank_group", "code": "G1"}),
    party("branch", "B1-SZ", parent={"kind": "bank", "code": "B1"}),
    party("branch", "B1-NJ", parent={"kind": "bank", "code": "B1"}, region_code="320100"),
    party("outlet", "B1/N1", parent={"kind": "branch", "code": "B1-SZ"}, region_code="320505"),
)


async def test_ST_07_the_tree_of_a_bank_is_that_of_the_day(regulator: Caller) -> None:
    answer = await enter(regulator, *TREE)
    assert answer.status_code == 201, answer.text
    assert answer.json()["party_ids"][1] == str(derived_id("institution", "B1"))
    assert answer.json()["party_ids"][4] == str(derived_id("outlet", "B1", "N1"))
    assert await names(regulator, below="bank_group:G1") == ["B1", "B1-NJ", "B1-SZ", "B1/N1"]
    assert await names(regulator, below="branch:B1-SZ") == ["B1/N1"]
    moved = TREE[4] | {
        "parent": {"kind": "branch", "code": "B1-NJ"}, "valid_from": "2022-04-01",
        "reason": "划转管理",
    }  # fmt: skip
    assert (await enter(regulator, moved)).status_code == 201
    assert await names(regulator, below="branch:B1-SZ") == []
    assert await names(regulator, below="branch:B1-SZ", on="2022-03-31") == ["B1/N1"]
    assert await names(regulator, below="bank_group:G1", on="2020-12-31") == []
    closed = moved | {"active": False, "valid_from": "2022-04-05"}
    await enter(regulator, closed)
    assert await names(regulator, kind="outlet") == []
    assert await names(regulator, kind="outlet", on="2022-04-04") == ["B1/N1"]
    assert await names(regulator, kind="outlet", gone="true") == ["B1/N1"]
    history = (await regulator.get(f"/parties/{derived_id('outlet', 'B1', 'N1')}/history")).json()
    assert [(s["valid_from"], s["active"]) for s in history["items"]] == [
        ("2021-01-01", True), ("2022-04-01", True), ("2022-04-05", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"parent": {"kind": "outlet", "code": "B1/N1"}}, "party.parent_kind"),
        ({"parent": {"kind": "bank", "code": "B9"}}, "party.parent_unknown"),
        ({"details": {"salary": 1}}, "party.details"),
        ({"region_code": None}, "party.region_missing"),
        ({"region_code": "329999"}, "region.unknown"),
        ({"valid_from": "2022-04-09"}, "party.in_future"),
        ({"valid_from": "2020-12-31"}, "party.before_last"),
        ({"code": "B1-NJ", "parent": {"kind": "branch", "code": "B1-SZ"}}, None),
    ],
)
async def test_JS_08_what_cannot_stand_in_the_tree_is_refused_whole(
    stack: Stack, regulator: Caller, change: dict[str, Any], code: str | None
) -> None:
    assert (await enter(regulator, *TREE)).status_code == 201
    answer = await enter(regulator, party("science_park", "P9"), TREE[2] | change)
    if code is None:
        assert answer.status_code == 201, answer.text
        circle = TREE[2] | {
            "parent": {"kind": "branch", "code": "B1-NJ"}, "valid_from": "2022-01-01",
        }  # fmt: skip
        answer, code = await enter(regulator, party("science_park", "P9"), circle), "party.circle"
        assert answer.json()["code"] == code
        return
    assert answer.json()["code"] == code
    assert await names(regulator, kind="science_park") == []  # all or none


async def test_JL_37_other_parties_are_entered_the_same_way_and_announced(
    stack: Stack, regulator: Caller
) -> None:
    items = (
        party("guarantor", "D1", details={"uscc": uscc(9), "re_guarantee": False}),
        party("science_park", "P1", details={"level": "国家级"}),
        party("bureau", "JG-SZ"),
        party("st_department", "KJ-SZ"),
        party("partner", "H1", details={"partner_type": "保险"}),
        party("expert", "E1", parent={"kind": "partner", "code": "H1"}, details={"field": "材料"}),
    )
    assert (await enter(regulator, *items)).status_code == 201
    assert await names(regulator, kind="guarantor") == ["D1"]
    assert await names(regulator, region="320500") == ["JG-SZ", "E1", "D1", "H1", "P1", "KJ-SZ"]
    assert (await enter(regulator, *items)).status_code == 201  # the same again is nothing new
    await stack.settle()
    events = await stack.rows(
        "registry",
        "select key, convert_from(payload, 'UTF8') as p from event_log"
        " where type = 'PartyChanged.v2'",
    )
    assert len(events) == 6
    assert not any("样例E1" in row["p"] for row in events)
    bank = stack.caller("registry", "bank_head", institution_id=derived_id("institution", "B1"))
    assert (await enter(bank, *items)).status_code == 403


async def test_JL_21_an_expert_s_name_is_sealed_shown_masked_and_unveiled_for_a_purpose(
    stack: Stack, regulator: Caller
) -> None:
    expert = party("expert", "E1", name="样例甲", details={"field": "材料"})
    answer = await enter(regulator, expert)
    assert answer.status_code == 201, answer.text
    (expert_id,) = answer.json()["party_ids"]
    assert [r["name"] for r in await stack.rows("registry", "select name from party_slice")] == [""]
    assert len(await stack.rows("registry", "select from person_data")) == 1
    (shown,) = (await regulator.get("/parties", params={"kind": "expert"})).json()["items"]
    assert shown["name"] == "样**"
    history = (await regulator.get(f"/parties/{expert_id}/history")).json()
    assert [each["name"] for each in history["items"]] == ["样**"]
    # The same again is nothing new, another name is.
    await enter(regulator, expert)
    assert (
        len(await stack.rows("registry", "select from audit where action = 'party.entered'")) == 1
    )
    await enter(regulator, expert | {"name": "样例乙"})
    assert (
        len(await stack.rows("registry", "select from audit where action = 'party.entered'")) == 2
    )
    path = f"/parties/{expert_id}/reveals"
    asked = {"purpose": "verification", "reason": "邀请参加技术评审"}
    revealed = await regulator.post(path, json=asked)
    assert revealed.status_code == 201, revealed.text
    assert revealed.json()["subject_id"] == expert_id
    opened = await regulator.get(f"/reveals/{revealed.json()['reveal_id']}")
    assert opened.json()["legal_representative"] == "样例乙"
    park = (await enter(regulator, party("science_park", "P1"))).json()["party_ids"][0]
    assert (await regulator.post(f"/parties/{park}/reveals", json=asked)).status_code == 404


@pytest.mark.parametrize(
    ("role", "region_code", "status"),
    [
        ("enterprise", "320500", 404),
        ("relationship_manager", "320500", 404),
        ("branch_head", "320500", 404),
        ("bureau", "320100", 404),
        ("bureau", "320500", 201),
    ],
)
async def test_S01_S02_a_person_of_the_directory_is_unveiled_to_those_who_supervise_only(
    stack: Stack, regulator: Caller, role: Any, region_code: str, status: int
) -> None:
    made = await enter(regulator, party("expert", "E1", name="样例甲"))
    (expert_id,) = made.json()["party_ids"]
    places: dict[str, dict[str, Any]] = {
        "enterprise": {"enterprise_id": uuid4()},
        "bureau": {"region_code": region_code},
    }
    bank = {"institution_id": uuid4(), "outlet_id": uuid4(), "staff_id": uuid4()}
    who = stack.caller("registry", role, account_id=uuid4(), **places.get(role, bank))
    asked = {"purpose": "verification", "reason": "邀请参加技术评审"}
    for path in (f"/parties/{expert_id}/reveals", f"/enterprises/{expert_id}/reveals"):
        assert (await who.post(path, json=asked)).status_code == status, path


async def test_ST_07_a_border_that_moves_leaves_earlier_days_alone(
    stack: Stack, regulator: Caller
) -> None:
    rows = [
        firm(1, 经营地址="苏州市虎丘区浒墅关镇样例路1号"),
        firm(2, 经营地址="苏州市虎丘区狮山街道样例路2号"),
        firm(3, 经营地址="苏州市虎丘区浒墅关镇样例路3号"),
    ]
    await imported(stack, regulator, xlsx(lines_of(rows)))
    path = f"/enterprises/{enterprise(3)}"
    own = {
        "region_code": "320505",
        "industry_code": "65",
        "valid_from": "2022-04-02",
        "reason": "转行",
    }
    assert (
        await regulator("PATCH", path, json=own, headers={"if-match": '"1"'})
    ).status_code == 200
    move = {
        "from_code": "320505", "to_code": "320507", "townships": ["浒墅关镇"],
        "valid_from": "2022-04-01", "reason": "区划调整",
    }  # fmt: skip
    answer = await regulator.post("/regions/moves", json=move)
    assert answer.status_code == 202, answer.text
    await stack.settle()
    assert await codes(regulator, region="320507") == [uscc(1)]
    assert await codes(regulator, region="320505") == [uscc(2), uscc(3)]
    (done,) = (await regulator.get("/regions/moves")).json()["items"]
    assert (done["moved"], done["left_alone"]) == (1, 1)
    slices = (await regulator.get(f"/enterprises/{enterprise(1)}")).json()["slices"]
    assert [(s["valid_from"], s["region_code"]) for s in slices] == [
        ("2021-12-31", "320505"), ("2022-04-01", "320507"),
    ]  # fmt: skip
    wrong = await regulator.post("/regions/moves", json=move | {"to_code": "320505"})
    assert wrong.json()["code"] == "region.same"
    wrong = await regulator.post("/regions/moves", json=move | {"to_code": "320500"})
    assert wrong.json()["code"] == "region.not_a_county"


async def test_JL_22_a_year_is_packaged_entered_or_provisional(
    stack: Stack, regulator: Caller
) -> None:
    known = (await regulator.get("/calendar/2022")).json()
    assert known["provisional"] is False
    assert "2022-10-03" in known["days_off"]
    assert "2022-10-08" in known["days_worked"]
    unknown = (await regulator.get("/calendar/2031")).json()
    assert unknown["provisional"] is True
    assert "2031-10-01" in unknown["days_off"]
    order = {"days_off": ["2031-01-01"], "days_worked": ["2031-01-04"], "provisional": False}
    assert (await regulator("PUT", "/calendar/2031", json=order)).status_code == 200
    shown = (await regulator.get("/calendar/2031")).json()
    assert (shown["provisional"], shown["days_worked"]) == (False, ["2031-01-04"])
    await stack.settle()
    assert await stack.rows("registry", "select from event_log where type = 'CalendarSet.v1'")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"days_off": ["2030-01-01"]}, "calendar.other_year"),
        ({"days_off": ["2031-01-04"], "days_worked": ["2031-01-04"]}, "calendar.both"),
        ({"days_off": ["2031-01-04"]}, "calendar.no_exception"),
        ({"days_worked": ["2031-01-01"]}, "calendar.no_exception"),
    ],
)
async def test_JL_22_a_year_that_cannot_be_is_refused(
    regulator: Caller, change: dict[str, Any], code: str
) -> None:
    body = {"days_off": [], "days_worked": []} | change
    answer = await regulator("PUT", "/calendar/2031", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_JL_20_a_task_force_has_members_and_each_department_its_liaison(
    stack: Stack, regulator: Caller
) -> None:
    force = {"kind": "task_force", "code": "B1-ZB"}
    items = (
        party("bank", "B1"),
        party("task_force", "B1-ZB", parent={"kind": "bank", "code": "B1"}, region_code=None),
        party("st_department", "KJ-SZ"),
        party("member", "M1", parent=force, details={"post": "组长"}, region_code=None),
        party("member", "M2", parent=force, details={"post": "成员"}, region_code=None),
        party(
            "member",
            "L1",
            parent={"kind": "st_department", "code": "KJ-SZ"},
            details={"post": "联络人"},
            region_code=None,
        ),
    )
    answer = await enter(regulator, *items)
    assert answer.status_code == 201, answer.text
    found = (await regulator.get("/parties", params={"below": "bank:B1"})).json()["items"]
    assert [(each["code"], each["name"], each["details"].get("post")) for each in found] == [
        ("M1", "样**", "组长"), ("M2", "样**", "成员"), ("B1-ZB", "样例B1-ZB", None),
    ]  # fmt: skip
    liaison = (await regulator.get("/parties", params={"below": "st_department:KJ-SZ"})).json()
    assert [each["details"]["post"] for each in liaison["items"]] == ["联络人"]
    # Who leaves is a member until the day before.
    gone = items[4] | {"active": False, "valid_from": "2022-04-01", "reason": "调离"}
    await enter(regulator, gone)
    assert await names(regulator, below="task_force:B1-ZB") == ["M1"]
    assert await names(regulator, below="task_force:B1-ZB", on="2022-03-31") == ["M1", "M2"]


async def test_JL_31_each_branch_has_its_sub_branches_and_people_to_be_named(
    stack: Stack, regulator: Caller
) -> None:
    outlets = xlsx(
        [
            ["网点编码", "网点名称", "所属机构编码", "行政区划代码", "地址", "客户经理人数"],
            ["N1", "样例银行虎丘支行", "B1", "320505", "苏州市虎丘区样例路1号", "2"],
        ]
    )
    banks = xlsx([["机构编码", "机构名称", "机构类型"], ["B1", "样例银行", "城商行"]])
    roster = xlsx(
        [
            ["工号", "姓名", "所属机构编码", "所属网点编码", "岗位", "到岗日期"],
            ["001", "样例甲", "B1", "N1", "支行行长", "2020-01-01"],
            ["002", "样例乙", "B1", "N1", "客户经理", "2020-01-01"],
        ]
    )
    for kind, content in (("institutions", banks), ("outlets", outlets), ("staff", roster)):
        job = await imported(stack, regulator, content, kind=kind)
        assert job["counts"]["refused"] + job["counts"]["doubtful"] == 0, job
    # The imported bank and outlet are those of the tree: one id, whichever way they came.
    await enter(regulator, *TREE)
    below = (await regulator.get("/parties", params={"below": "branch:B1-SZ"})).json()["items"]
    assert [each["party_id"] for each in below] == [str(derived_id("outlet", "B1", "N1"))]
    await stack.settle()
    people = await stack.rows("registry", "select outlet_id, role from staff order by code")
    assert [(str(row[0]), row[1]) for row in people] == [
        (below[0]["party_id"], "branch_head"), (below[0]["party_id"], "relationship_manager"),
    ]  # fmt: skip
