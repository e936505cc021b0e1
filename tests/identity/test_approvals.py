"""Maker and checker at identity, and end to end with the service that acts."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.platform.approvals import payload_sha256
from tests.identity.people import BANK, OTHER_BANK
from tests.support.stack import Caller, Stack

BODY = {"campaign_id": str(uuid4()), "quarter": "2022Q3", "reason": "首版"}


def regulator(stack: Stack, number: int = 1) -> Caller:
    return stack.caller("identity", "province_regulator", account_id=UUID(int=number))


def request(action: str = "bulletin.publish", **more: Any) -> dict[str, Any]:
    subject = f"{BODY['campaign_id']}.2022Q3"
    return {"action": action, "subject": subject, "summary": "第三季度", "payload": BODY} | more


async def asked(maker: Caller, **more: Any) -> dict[str, Any]:
    answer = await maker.post("/approvals", json=request(**more))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def decide(caller: Caller, approval: dict[str, Any], *, approved: bool = True) -> Any:
    path = f"/approvals/{approval['approval_id']}/decision"
    return await caller.post(path, json={"approved": approved, "reason": "已核对"})


async def said(stack: Stack) -> list[str]:
    rows = await stack.rows("identity", "select type from outbox order by id")
    return [row["type"] for row in rows if row["type"].startswith("Approval")]


async def test_one_asks_and_another_one_agrees(stack: Stack) -> None:
    approval = await asked(regulator(stack, 1))

    answer = await decide(regulator(stack, 2), approval)
    again = await decide(regulator(stack, 3), approval, approved=False)

    assert approval["payload_sha256"] == payload_sha256(BODY)
    assert answer.json()["state"] == "approved"
    assert (again.status_code, again.json()["code"]) == (409, "approval.decided")
    assert await said(stack) == ["ApprovalRequested.v1", "ApprovalDecided.v1"]


async def test_nobody_agrees_to_its_own_request(stack: Stack) -> None:
    approval = await asked(regulator(stack, 1))

    answer = await decide(regulator(stack, 1), approval)

    assert (answer.status_code, answer.json()["code"]) == (403, "approval.same_person")
    assert await said(stack) == ["ApprovalRequested.v1"]


async def test_the_database_itself_refuses_one_person_in_both_parts(stack: Stack) -> None:
    import asyncpg

    await asked(regulator(stack, 1))

    with pytest.raises(asyncpg.CheckViolationError):
        async with stack.database("identity").transaction() as tx:
            await (await tx.driver()).execute("update approval set decided_by = requested_by")


async def test_an_old_request_is_over(stack: Stack) -> None:
    await stack.set_clock("2022-10-01T09:00:00+08:00")
    approval = await asked(regulator(stack, 1))
    await stack.set_clock("2022-10-04T09:00:01+08:00")

    answer = await decide(regulator(stack, 2), approval)

    assert (answer.status_code, answer.json()["code"]) == (409, "approval.expired")


@pytest.mark.parametrize(
    ("role", "place"),
    [
        ("bureau", {"region_code": "320500"}),
        ("bank_head", {"institution_id": BANK}),
        ("platform_admin", {}),
    ],
)
async def test_who_may_not_publish_neither_asks_nor_agrees(
    stack: Stack, role: Any, place: dict[str, Any]
) -> None:
    approval = await asked(regulator(stack, 1))
    other = stack.caller("identity", role, **place)

    assert (await other.post("/approvals", json=request())).status_code == 403
    assert (await decide(other, approval)).status_code in (403, 404)


async def test_a_bank_sees_its_own_requests_only(stack: Stack) -> None:
    outlet = uuid4()
    branch = stack.caller("identity", "branch_head", institution_id=BANK, outlet_id=outlet)
    approval = await asked(branch, action="visit.void", subject=str(uuid4()))
    own = stack.caller("identity", "bank_head", institution_id=BANK)
    other = stack.caller("identity", "bank_head", institution_id=OTHER_BANK)
    path = f"/approvals/{approval['approval_id']}"

    async def listed(caller: Caller) -> int:
        return len((await caller.get("/approvals", params={"state": "open"})).json()["items"])

    assert [await listed(caller) for caller in (branch, own, other)] == [1, 1, 0]
    assert (await other.get(path)).status_code == 404
    assert (await decide(other, approval)).status_code == 404
    assert (await own.get(path)).json()["payload"] == BODY
    assert (await decide(own, approval)).status_code == 200


async def test_requests_are_listed_newest_first_in_pages(stack: Stack) -> None:
    maker = regulator(stack)
    made = [(await asked(maker))["approval_id"] for _ in range(3)]

    first = (await maker.get("/approvals", params={"limit": 2})).json()
    rest = (
        await maker.get("/approvals", params={"limit": 2, "cursor": first["next_cursor"]})
    ).json()
    broken = await maker.get("/approvals", params={"cursor": "WzEsMl0"})

    listed = [item["approval_id"] for item in [*first["items"], *rest["items"]]]
    assert listed == made[::-1]
    assert (broken.status_code, broken.json()["code"]) == (422, "page.cursor")


async def test_an_action_that_takes_one_person_needs_no_second(stack: Stack) -> None:
    answer = await regulator(stack).post("/approvals", json=request("visit.create"))

    assert (answer.status_code, answer.json()["code"]) == (422, "approval.action")


async def test_end_to_end_the_service_that_acts_lets_through_what_was_agreed_to(
    whole_stack: Stack,
) -> None:
    both = whole_stack.only("identity", "reporting")
    await both.empty()
    maker, checker = uuid4(), uuid4()
    approval = await asked(both.caller("identity", "province_regulator", account_id=maker))
    acting = both.caller("reporting", "province_regulator", account_id=maker)
    headers = {"x-approval": approval["approval_id"]}

    async def publish() -> str:
        answer = await acting.post("/bulletins", json=BODY, headers=headers)
        return str(answer.json()["code"])

    await both.settle()
    before = await publish()
    await decide(both.caller("identity", "province_regulator", account_id=checker), approval)
    await both.settle()
    kept = await both.rows("reporting", "select approved, requested_by, decided_by from approval")

    assert before in ("approval.pending", "figures.unseen", "figures.unknown")
    assert [tuple(row) for row in kept] == [(True, maker, checker)]
