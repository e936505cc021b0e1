"""JS-03, JS-15, JS-16, JS-21: applications and the bank's own decision."""

import asyncio
from collections import Counter
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.contracts.registry import PersonalDataErased
from tests.credit.world import (
    NANJING,
    SUZHOU,
    A,
    B,
    World,
    application,
    enterprise_id,
    moved,
)
from tests.support.stack import Stack

APPROVAL = {"approved": True, "amount": "3000000.00", "decided_on": "2022-06-10"}
DECLINE = {"approved": False, "reason_code": "security_insufficient", "decided_on": "2022-06-10"}


async def filed(world: World, **changes: Any) -> str:
    answer = await world.manager().post("/applications", json=application(**changes))
    assert answer.status_code == 201, answer.text
    return answer.json()["application_id"]


async def test_JS_15_the_catalogue_names_the_provinces_products(world: World) -> None:
    items = (await world.manager().get("/products")).json()["items"]
    assert {item["name"] for item in items} >= {"苏科贷", "人才贷", "小微贷"}
    assert all(item["limit"].endswith(".00") and item["for_whom"] for item in items)


async def test_JS_16_the_reasons_say_who_can_repair_them(world: World) -> None:
    items = (await world.manager().get("/decline-reasons")).json()["items"]
    assert {item["repaired_by"] for item in items} == {"enterprise", "bank", "government", "nobody"}


async def test_JS_15_an_application_is_filed_and_announced(world: World) -> None:
    body = application(amount="21000000.00")
    answer = await world.manager().post("/applications", json=body)
    assert answer.status_code == 201
    out = answer.json()
    assert (out["state"], out["amount"], out["product_version"], out["on_own_list"]) == (
        "filed", "21000000.00", 1, True,
    )  # fmt: skip
    assert out["above_product_limit"] is True
    assert await world.events("ApplicationFiled") == [
        {
            "application_id": body["application_id"],
            "enterprise_id": str(enterprise_id(1)),
            "institution_id": str(A.institution_id),
            "outlet_id": str(A.outlet_id),
            "region_code": "320583",
            "product_code": "sukedai",
            "amount_fen": 2_100_000_000,
            "filed_on": "2022-06-01",
        }
    ]


async def test_JS_21_an_application_from_outside_the_list_is_marked(world: World) -> None:
    application_id = await filed(world, enterprise_id=str(enterprise_id(2)))
    shown = (await world.head().get(f"/applications/{application_id}")).json()
    assert shown["on_own_list"] is False


async def test_the_same_application_again_is_the_same_and_another_is_refused(world: World) -> None:
    body = application()
    first = await world.manager().post("/applications", json=body)
    again = await world.manager().post("/applications", json=body)
    assert (again.status_code, again.json()) == (201, first.json())
    other = await world.manager().post("/applications", json=body | {"amount": "1.00"})
    assert (other.status_code, other.json()["code"]) == (409, "application.id_taken")
    of_b = await world.manager(B).post("/applications", json=body | {"outlet_id": str(B.outlet_id)})
    assert (of_b.status_code, of_b.json()["code"]) == (409, "application.id_taken")
    assert len(await world.events("ApplicationFiled")) == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"amount": "1.001"}, 422, "request.invalid"),
        ({"amount": "0.00"}, 422, "application.amount_zero"),
        ({"filed_on": "2022-08-16"}, 422, "date.in_future"),
        ({"product_code": "dreamdai"}, 422, "product.unknown"),
        ({"outlet_id": str(B.outlet_id)}, 422, "outlet.unknown"),
        ({"enterprise_id": str(uuid4())}, 404, "enterprise.unknown"),
    ],
)
async def test_a_wrong_application_is_refused(
    world: World, changes: dict[str, Any], status: int, code: str
) -> None:
    answer = await world.manager().post("/applications", json=application(**changes))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_JS_03_the_bank_approves(world: World) -> None:
    application_id = await filed(world)
    body = APPROVAL | {"npl_tolerance": True, "due_diligence_exempt": False}
    answer = await world.head().post(f"/applications/{application_id}/decision", json=body)
    assert answer.status_code == 200
    assert answer.json()["state"] == "approved"
    assert answer.json()["decision"]["amount"] == "3000000.00"
    shown = (await world.head().get(f"/applications/{application_id}")).json()
    assert shown == answer.json()
    [decided] = await world.events("ApplicationDecided")
    assert (decided["approved"], decided["amount_fen"], decided["reason_code"]) == (
        True,
        300_000_000,
        None,
    )


async def test_JS_16_a_decline_names_a_reason_and_who_can_repair_it(world: World) -> None:
    application_id = await filed(world)
    body = DECLINE | {"remark": "抵押物权属不清"}
    answer = await world.head().post(f"/applications/{application_id}/decision", json=body)
    assert answer.json()["state"] == "declined"
    assert answer.json()["decision"]["reason"]["repaired_by"] == "enterprise"
    [decided] = await world.events("ApplicationDecided")
    assert (decided["approved"], decided["amount_fen"], decided["reason_code"]) == (
        False, 0, "security_insufficient",
    )  # fmt: skip
    assert "remark" not in decided


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"approved": False, "decided_on": "2022-06-10"}, "decision.reason_missing"),
        (DECLINE | {"reason_code": "because"}, "decision.reason_unknown"),
        (APPROVAL | {"amount": "3000000.01"}, "decision.amount_above_applied"),
        (APPROVAL | {"decided_on": "2022-05-31"}, "decision.before_filing"),
        (APPROVAL | {"decided_on": "2022-08-16"}, "date.in_future"),
    ],
)
async def test_C5_a_decision_without_its_reason_is_refused(
    world: World, body: dict[str, Any], code: str
) -> None:
    application_id = await filed(world)
    answer = await world.head().post(f"/applications/{application_id}/decision", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await world.events("ApplicationDecided") == []


async def test_JS_03_only_the_applications_own_bank_decides(world: World) -> None:
    path = f"/applications/{await filed(world)}/decision"
    assert (await world.head(B).post(path, json=APPROVAL)).status_code == 404
    for caller in (world.manager(), world.bureau(SUZHOU), world.regulator()):
        assert (await caller.post(path, json=APPROVAL)).status_code == 403
    admin = world.stack.caller("credit", "platform_admin", institution_id=A.institution_id)
    assert (await admin.post(path, json=APPROVAL)).status_code == 403


async def test_JS_03_decided_twice_is_a_conflict_also_at_once(world: World) -> None:
    path = f"/applications/{await filed(world)}/decision"
    answers = await asyncio.gather(
        *(world.head().post(path, json=body) for body in (APPROVAL, DECLINE, APPROVAL, DECLINE))
    )
    assert Counter(a.status_code for a in answers) == {200: 1, 409: 3}
    assert len(await world.events("ApplicationDecided")) == 1


async def test_ST_07_a_decision_carries_the_county_of_its_own_day(world: World) -> None:
    application_id = await filed(world)
    await world.stack.publish(moved(1, region=NANJING, on=date(2022, 6, 5)))
    await world.stack.settle()
    await world.head().post(f"/applications/{application_id}/decision", json=APPROVAL)
    [decided] = await world.events("ApplicationDecided")
    assert decided["region_code"] == NANJING


async def test_applications_are_listed_by_state(world: World) -> None:
    one, two, three = [await filed(world) for _ in range(3)]
    await world.head().post(f"/applications/{one}/decision", json=APPROVAL)
    await world.head().post(f"/applications/{two}/decision", json=DECLINE)
    for state, expected in (("approved", one), ("declined", two), ("filed", three)):
        page = (await world.head().get("/applications", params={"state": state})).json()
        assert [each["application_id"] for each in page["items"]] == [expected]


async def test_S22_the_words_of_a_decision_go_with_the_enterprises_persons(
    world: World, stack: Stack
) -> None:
    application_id = await filed(world)
    body = DECLINE | {"remark": "联系人欧阳测试,电话13900001234"}
    await world.head().post(f"/applications/{application_id}/decision", json=body)
    shown = (await world.head().get(f"/applications/{application_id}")).json()
    await stack.publish(
        PersonalDataErased(
            subject_id=UUID(shown["enterprise_id"]), kind="enterprise", erased_on=date(2022, 7, 1)
        )
    )
    await stack.settle()
    shown = (await world.head().get(f"/applications/{application_id}")).json()
    assert (shown["state"], shown["decision"]["remark"]) == ("declined", "")
    (kept,) = await stack.rows("credit", "select count(*) from application where remark <> ''")
    assert kept[0] == 0
    answers = await stack.rows("credit", "select body from idempotency")
    assert not any(b"13900001234" in row["body"] for row in answers)
