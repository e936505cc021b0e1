"""Looking at enterprises, who may see which, and entering that one moved."""

from datetime import date
from uuid import UUID, uuid4

import pytest

from shared.contracts.allocation import EnterpriseAssigned, EnterpriseUnassigned
from shared.kernel.ids import derived_id
from tests.registry.sheets import TODAY, firm, imported, lines_of, uscc, xlsx
from tests.support.stack import Caller, Stack

BANK_A, BANK_B = derived_id("institution", "A"), derived_id("institution", "B")


def enterprise(number: int) -> UUID:
    """The id of a sample firm."""
    return derived_id("enterprise", uscc(number))


@pytest.fixture
async def regulator(stack: Stack) -> Caller:
    """A list of four enterprises in two cities."""
    await stack.set_clock(TODAY)
    caller = stack.caller("registry", "province_regulator")
    rows = [
        firm(1),
        firm(2, 企业名称="苏州华光智能有限公司", 是否有贷款="否", 所属行业="65"),
        firm(3, 经营地址="昆山市样例路3号"),
        firm(4, 经营地址="南京市玄武区样例路4号", 统一社会信用代码=uscc(4, "320102")),
    ]
    await imported(stack, caller, xlsx(lines_of(rows)))
    return caller


def assigned(number: int, institution_id: UUID, assignment_id: UUID) -> EnterpriseAssigned:
    """An enterprise given to a bank."""
    return EnterpriseAssigned(
        assignment_id=assignment_id,
        enterprise_id=enterprise(number),
        campaign_id=uuid4(),
        tier=2,
        bureau_code=None,
        institution_id=institution_id,
        region_code="320505",
        round=1,
        assigned_on=date(2022, 4, 8),
    )


async def codes(caller: Caller, **query: str) -> list[str]:
    """The credit codes an inquiry finds."""
    answer = await caller.get("/enterprises", params=query)
    assert answer.status_code == 200, answer.text
    return [item["uscc"] for item in answer.json()["items"]]


@pytest.mark.parametrize("q", ["华光", "华", "州华光智", "光智能有限"])
async def test_JS_05_a_name_is_found_by_any_part_of_it(regulator: Caller, q: str) -> None:
    assert await codes(regulator, q=q) == [uscc(2)]


async def test_JS_05_a_search_text_is_no_pattern(regulator: Caller) -> None:
    assert await codes(regulator, q="%") == []
    assert await codes(regulator, q="_") == []


async def test_JS_05_a_code_is_found_by_its_beginning(regulator: Caller) -> None:
    assert await codes(regulator, q="91320102") == [uscc(4, "320102")]


async def test_JS_05_region_industry_and_loan_are_filters(regulator: Caller) -> None:
    assert len(await codes(regulator, region="320000")) == 4
    assert await codes(regulator, region="320500") == [uscc(1), uscc(2), uscc(3)]
    assert await codes(regulator, region="320583") == [uscc(3)]
    assert await codes(regulator, industry="65") == [uscc(2)]
    assert await codes(regulator, has_loan="false") == [uscc(2)]
    assert await codes(regulator, list_vintage="2020-12-31") == []


async def test_pages_follow_each_other_without_gap_or_repeat(regulator: Caller) -> None:
    first = (await regulator.get("/enterprises", params={"limit": 3})).json()
    query = {"limit": 3, "cursor": first["next_cursor"]}
    second = (await regulator.get("/enterprises", params=query)).json()
    assert len(first["items"] + second["items"]) == 4
    assert second["next_cursor"] is None
    wrong = await regulator.get("/enterprises", params={"cursor": "!!"})
    assert wrong.json()["code"] == "page.cursor"


async def test_ids_pick_enterprises(regulator: Caller) -> None:
    assert await codes(regulator, ids=f"{enterprise(1)},{enterprise(3)},{uuid4()}") == [
        uscc(1),
        uscc(3),
    ]
    many = await regulator.get(
        "/enterprises", params={"ids": ",".join(str(uuid4()) for _ in range(201))}
    )
    assert many.json()["code"] == "page.too_many_ids"


async def test_M1_a_bank_sees_what_it_was_given_and_the_rest_does_not_exist(
    stack: Stack, regulator: Caller
) -> None:
    given = uuid4()
    await stack.publish(assigned(1, BANK_A, given), assigned(2, BANK_B, uuid4()))
    await stack.settle()
    head = stack.caller("registry", "bank_head", institution_id=BANK_A)
    manager = stack.caller("registry", "relationship_manager", institution_id=BANK_A)
    for caller in (head, manager):
        assert await codes(caller) == [uscc(1)]
        assert (await caller.get(f"/enterprises/{enterprise(1)}")).status_code == 200
    foreign = await head.get(f"/enterprises/{enterprise(2)}")
    missing = await head.get(f"/enterprises/{uuid4()}")
    assert foreign.status_code == missing.status_code == 404
    assert {**foreign.json(), "trace_id": ""} == {**missing.json(), "trace_id": ""}
    ended = EnterpriseUnassigned(
        assignment_id=given,
        enterprise_id=enterprise(1),
        campaign_id=uuid4(),
        tier=2,
        institution_id=BANK_A,
        reason="rotated",
        unassigned_on=date(2022, 4, 8),
    )
    await stack.publish(ended)
    await stack.settle()
    assert await codes(head) == []


async def test_M1_a_bureau_sees_its_city(stack: Stack, regulator: Caller) -> None:
    bureau = stack.caller("registry", "bureau", region_code="320100")
    assert await codes(bureau) == [uscc(4, "320102")]
    assert (await bureau.get(f"/enterprises/{enterprise(1)}")).status_code == 404


async def test_ST_07_a_moved_enterprise_keeps_its_earlier_region(
    stack: Stack, regulator: Caller
) -> None:
    path = f"/enterprises/{enterprise(1)}"
    tag = (await regulator.get(path)).headers["etag"]
    body = {"region_code": "320506", "valid_from": "2022-04-01", "reason": "迁址"}
    answer = await regulator("PATCH", path, json=body, headers={"if-match": tag})
    assert answer.status_code == 200, answer.text
    slices = [(s["valid_from"], s["region_code"]) for s in answer.json()["slices"]]
    assert slices == [("2021-12-31", "320505"), ("2022-04-01", "320506")]
    await stack.settle()
    (event,) = await stack.rows(
        "registry", "select key, seq from event_log where type = 'EnterpriseChanged.v1'"
    )
    assert tuple(event) == (str(enterprise(1)), 2)
    (line,) = await stack.rows(
        "registry", "select before, after from audit where action = 'enterprise.changed'"
    )
    assert "320506" in str(line["after"])
    stale = await regulator("PATCH", path, json=body, headers={"if-match": tag})
    assert (stale.status_code, stale.json()["code"]) == (412, "version.stale")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"valid_from": "2022-04-09"}, 409, "change.in_future"),
        ({"valid_from": "2021-12-30"}, 409, "change.before_last"),
        ({"region_code": "320500"}, 422, "region.not_a_county"),
        ({"region_code": "329999"}, 422, "region.unknown"),
        ({"industry_code": "00"}, 422, "industry.unknown"),
        ({"reason": ""}, 422, "request.invalid"),
    ],
)
async def test_ST_07_a_change_that_cannot_be_is_refused(
    regulator: Caller, change: dict[str, str], status: int, code: str
) -> None:
    path = f"/enterprises/{enterprise(1)}"
    body = {"region_code": "320506", "valid_from": "2022-04-01", "reason": "迁址"} | change
    answer = await regulator("PATCH", path, json=body, headers={"if-match": '"1"'})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_ST_07_a_change_needs_the_version_it_rests_on_and_a_role(
    stack: Stack, regulator: Caller
) -> None:
    path = f"/enterprises/{enterprise(1)}"
    body = {"region_code": "320506", "valid_from": "2022-04-01", "reason": "迁址"}
    assert (await regulator("PATCH", path, json=body)).status_code == 428
    bank = stack.caller("registry", "bank_head", institution_id=BANK_A)
    answer = await bank("PATCH", path, json=body, headers={"if-match": '"1"'})
    assert answer.status_code == 403
    bureau = stack.caller("registry", "bureau", region_code="320100")
    answer = await bureau("PATCH", path, json=body, headers={"if-match": '"1"'})
    assert answer.status_code == 404


async def test_JS_06_regions_come_as_a_tree(regulator: Caller) -> None:
    items = (await regulator.get("/regions")).json()["items"]
    known = {item["region_code"]: item for item in items}
    assert known["320500"]["level"] == "city"
    assert known["320583"] == {
        "region_code": "320583", "name": "昆山市", "level": "county",
        "parent_code": "320500", "zone": False,
    }  # fmt: skip
    assert all(item["parent_code"] is None or item["parent_code"] in known for item in items)
