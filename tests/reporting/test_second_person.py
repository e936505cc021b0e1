"""A bulletin is published by two people: who asks, and who agrees to exactly that."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from tests.reporting.histories import World
from tests.reporting.test_service import a_fed_world
from tests.support.approvals import agreed
from tests.support.stack import Stack

MAKER = UUID(int=7)
ACTION = "bulletin.publish"


def body_of(world: World) -> dict[str, Any]:
    return {"campaign_id": str(world.campaigns[0]), "quarter": "2022Q3"}


def subject_of(world: World) -> str:
    return f"{world.campaigns[0]}.2022Q3"


async def publish(
    stack: Stack, body: Any, approval: object = None, *, by: UUID = MAKER
) -> httpx2.Response:
    headers = {"x-approval": str(approval)} if approval else {}
    caller = stack.caller("reporting", "province_regulator", account_id=by)
    return await caller.post("/bulletins", json=body, headers=headers)


async def test_without_a_second_person_nothing_is_published(stack: Stack) -> None:
    body = body_of(await a_fed_world(stack, 51, events=20))

    answers = [await publish(stack, body), await publish(stack, body, uuid4())]
    malformed = await publish(stack, body, "x")

    assert [a.json()["code"] for a in answers] == ["approval.required", "approval.pending"]
    assert [a.status_code for a in answers] == [409, 409]
    assert malformed.json()["code"] == "approval.malformed"
    assert await stack.rows("reporting", "select 1 from bulletin") == []


async def test_an_agreement_is_used_once(stack: Stack) -> None:
    world = await a_fed_world(stack, 52, events=20)
    body = body_of(world) | {"reason": "首版"}
    approval = await agreed(stack, action=ACTION, subject=subject_of(world), body=body, by=MAKER)

    answers = [await publish(stack, body, approval) for _ in range(2)]

    assert [a.status_code for a in answers] == [201, 409]
    assert answers[1].json()["code"] == "approval.used"
    assert len(await stack.rows("reporting", "select 1 from bulletin")) == 1
    used = await stack.rows("reporting", "select 1 from audit where action = 'approval.used'")
    assert len(used) == 1


async def test_the_order_of_fields_and_spaces_is_not_the_matter(stack: Stack) -> None:
    world = await a_fed_world(stack, 53, events=20)
    body = body_of(world)
    turned = dict(reversed(body.items()))
    approval = await agreed(stack, action=ACTION, subject=subject_of(world), body=turned, by=MAKER)

    assert (await publish(stack, body, approval)).status_code == 201


@pytest.mark.parametrize("what", ["body", "subject", "action", "person"])
async def test_an_agreement_to_something_else_is_none(stack: Stack, what: str) -> None:
    world = await a_fed_world(stack, 54, events=20)
    body = body_of(world)
    asked: dict[str, Any] = {
        "action": ACTION,
        "subject": subject_of(world),
        "body": body,
        "by": MAKER,
    }
    other = {
        "body": body | {"reason": "另一个理由"},
        "subject": f"{uuid4()}.2022Q3",
        "action": "plan.publish",
        "person": UUID(int=8),
    }[what]
    asked["by" if what == "person" else what] = other
    approval = await agreed(stack, **asked)

    answer = await publish(stack, body, approval)

    assert (answer.status_code, answer.json()["code"]) == (409, "approval.other")


async def test_a_rejected_or_old_request_publishes_nothing(stack: Stack) -> None:
    world = await a_fed_world(stack, 55, events=20)
    asked: dict[str, Any] = {
        "action": ACTION,
        "subject": subject_of(world),
        "body": body_of(world),
        "by": MAKER,
    }
    rejected = await agreed(stack, **asked, approved=False)
    old = await agreed(stack, **asked, expires_at=datetime(2020, 1, 1, tzinfo=UTC))

    codes = [(await publish(stack, body_of(world), one)).json()["code"] for one in (rejected, old)]

    assert codes == ["approval.rejected", "approval.expired"]
