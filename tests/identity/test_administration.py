"""Accounts are administered by those above them, and by nobody else."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.identity.people import BANK, OTHER_BANK, PASSWORD, browser, opened, seat, signed_in
from tests.support.stack import Caller, Stack


def head(stack: Stack, bank: object = BANK) -> Caller:
    return stack.caller("identity", "bank_head", institution_id=bank)


async def names(caller: Caller, **query: Any) -> list[str]:
    answer = await caller.get("/accounts", params=query)
    assert answer.status_code == 200, answer.text
    return [item["username"] for item in answer.json()["items"]]


async def version_of(caller: Caller, account_id: UUID) -> str:
    return (await caller.get(f"/accounts/{account_id}")).headers["etag"]


async def test_a_bank_lists_its_own_people_page_by_page(stack: Stack) -> None:
    for name in ("c", "a", "b"):
        await opened(stack, f"rm-{name}")
    await opened(stack, "rm-foreign", bank=OTHER_BANK)
    bank = head(stack)

    first = (await bank.get("/accounts", params={"limit": 2, "search": "RM-"})).json()
    rest = await names(bank, cursor=first["next_cursor"], search="rm-")

    assert [item["username"] for item in first["items"]] == ["rm-a", "rm-b"]
    assert rest == ["rm-c"]
    assert await names(bank, role="bureau") == []
    assert "rm-foreign" in await names(stack.caller("identity", "auditor"))


async def test_a_branch_head_sees_and_shuts_the_managers_of_its_outlet_only(stack: Stack) -> None:
    outlet = uuid4()
    own = await opened(stack, "rm-own", outlet_id=outlet)
    other = await opened(stack, "rm-other")
    branch = stack.caller("identity", "branch_head", institution_id=BANK, outlet_id=outlet)

    assert "rm-own" in await names(branch)
    assert "rm-other" not in await names(branch)
    assert (await branch.post(f"/accounts/{own}/disable")).status_code == 200
    assert (await branch.post(f"/accounts/{other}/disable")).status_code == 404


@pytest.mark.parametrize("verb", ["disable", "enable", "reset"])
async def test_another_banks_account_looks_like_a_missing_one(stack: Stack, verb: str) -> None:
    account = await opened(stack)
    other = head(stack, OTHER_BANK)

    answers = [await other.post(f"/accounts/{one}/{verb}") for one in (account, uuid4())]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert len({answer.json()["title"] for answer in answers}) == 1
    assert (await other.get(f"/accounts/{account}")).status_code == 404


async def test_a_manager_and_an_auditor_administer_nobody(stack: Stack) -> None:
    account = await opened(stack)

    for role in ("relationship_manager", "auditor"):
        caller = stack.caller("identity", role, institution_id=BANK)  # type: ignore[arg-type]
        assert (await caller.post(f"/accounts/{account}/disable")).status_code == 403


async def test_a_bank_does_not_shut_its_own_head_office_nor_the_regulator_the_operator(
    stack: Stack,
) -> None:
    top = await opened(stack, "head-1", role="bank_head")
    operator = await opened(stack, "operator", role="platform_admin")
    regulator = stack.caller("identity", "province_regulator")

    assert (await head(stack).post(f"/accounts/{top}/disable")).status_code == 403
    assert (await regulator.post(f"/accounts/{operator}/disable")).status_code == 403
    assert (await regulator.post(f"/accounts/{top}/disable")).status_code == 200


async def test_a_moved_account_is_announced_with_its_new_place(stack: Stack) -> None:
    account, bank = await opened(stack), head(stack)
    new = seat("branch_head")
    headers = {"if-match": await version_of(bank, account)}

    moved = await bank("PUT", f"/accounts/{account}/seat", json=new, headers=headers)
    stale = await bank("PUT", f"/accounts/{account}/seat", json=new, headers=headers)
    blind = await bank("PUT", f"/accounts/{account}/seat", json=new)

    assert moved.json()["role"] == "branch_head"
    assert moved.json()["outlet_id"] == new["outlet_id"]
    assert (stale.status_code, blind.status_code) == (412, 428)
    said = await stack.rows(
        "identity",
        "select convert_from(payload, 'UTF8') as t from outbox where type like 'AccountChanged%'",
    )
    assert len(said) == 1
    assert new["outlet_id"] in said[0]["t"]


@pytest.mark.parametrize(
    ("new", "status"),
    [
        (seat("bank_head"), 403),
        (seat(bank=OTHER_BANK), 403),
        ({"role": "province_regulator"}, 403),
        ({"role": "relationship_manager", "institution_id": str(BANK)}, 422),
    ],
)
async def test_a_bank_cannot_lift_its_people_out_of_its_reach(
    stack: Stack, new: dict[str, Any], status: int
) -> None:
    account, bank = await opened(stack), head(stack)
    headers = {"if-match": await version_of(bank, account)}

    answer = await bank("PUT", f"/accounts/{account}/seat", json=new, headers=headers)

    assert answer.status_code == status, answer.text


async def test_a_shut_account_is_let_in_again_but_its_old_session_stays_ended(
    stack: Stack,
) -> None:
    one = await signed_in(stack)
    account, bank = one.account["account_id"], head(stack)  # type: ignore[index]
    manager = stack.caller(
        "identity", "relationship_manager", account_id=UUID(account), institution_id=BANK
    )

    await bank.post(f"/accounts/{account}/disable")
    await stack.settle()
    shut = await manager.get("/me")
    again = await bank.post(f"/accounts/{account}/enable")
    twice = await bank.post(f"/accounts/{account}/enable")
    await stack.settle()

    assert shut.status_code == 401
    assert (again.status_code, twice.status_code) == (200, 409)
    assert (await manager.get("/me")).status_code == 200
    assert (await one.authz()).status_code == 401
    assert (await browser(stack).sign_in("rm-1")).status_code == 200


async def test_a_reset_account_is_activated_anew(stack: Stack) -> None:
    one = await signed_in(stack)
    account = one.account["account_id"]  # type: ignore[index]

    answer = await head(stack).post(f"/accounts/{account}/reset")
    old = await browser(stack).sign_in("rm-1")
    body = {
        "username": "rm-1",
        "activation_code": answer.json()["activation_code"],
        "password": PASSWORD,
    }
    activated = await browser(stack).send("POST", "/activations", json=body)

    assert old.status_code == 401
    assert activated.status_code == 200
    assert (await browser(stack).sign_in("rm-1")).status_code == 200


async def test_every_act_of_administration_is_audited(stack: Stack) -> None:
    account, bank = await opened(stack), head(stack)
    headers = {"if-match": await version_of(bank, account)}
    await bank("PUT", f"/accounts/{account}/seat", json=seat(), headers=headers)
    for verb in ("reset", "disable", "enable"):
        await bank.post(f"/accounts/{account}/{verb}")

    found = await stack.rows(
        "identity", "select action from audit where subject = $1 order by id", str(account)
    )

    assert [row["action"] for row in found] == [
        "account.opened",
        "account.changed",
        "account.reset",
        "account.disabled",
        "account.enabled",
    ]
