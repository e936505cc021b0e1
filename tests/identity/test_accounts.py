"""Accounts, sign-in and tokens over HTTP, on real PostgreSQL."""

import asyncio
from uuid import UUID, uuid4

import httpx2

from shared.platform.auth import TokenVerifier
from shared.platform.settings import PlatformSettings
from tests.support.stack import Caller, Stack

BANK, OTHER_BANK = uuid4(), uuid4()
PASSWORD = "长密码-long-enough-1"


def manager_row(name: str = "rm-1", bank: object = BANK) -> dict[str, object]:
    return {
        "username": name,
        "role": "relationship_manager",
        "institution_id": str(bank),
        "outlet_id": str(uuid4()),
        "staff_id": str(uuid4()),
    }


def client_of(caller: Caller) -> httpx2.AsyncClient:
    return caller._client


async def opened(stack: Stack, **row: object) -> dict[str, object]:
    admin = stack.caller("identity", "platform_admin")
    answer = await admin.post("/accounts:batch", json={"rows": [manager_row() | row]})
    return answer.json()["items"][0]


async def test_an_account_is_activated_once_and_then_signs_in(stack: Stack) -> None:
    row = await opened(stack)
    client = client_of(stack.caller("identity", "platform_admin"))
    body = {"username": "rm-1", "activation_code": row["activation_code"], "password": PASSWORD}

    first = await client.post("/activations", json=body)
    again = await client.post("/activations", json=body)
    signed_in = await client.post("/sign-in", json={"username": "rm-1", "password": PASSWORD})

    assert (first.status_code, again.status_code) == (200, 401)
    assert signed_in.status_code == 200
    assert signed_in.json()["account"]["institution_id"] == str(BANK)
    assert "httponly" in signed_in.headers["set-cookie"].lower()


async def test_a_token_from_sign_in_is_verified_by_its_public_key_alone(
    stack: Stack, tmp_path: object
) -> None:
    import json
    from pathlib import Path

    await opened(stack, password=PASSWORD)
    client = client_of(stack.caller("identity", "platform_admin"))
    token = (await client.post("/sign-in", json={"username": "rm-1", "password": PASSWORD})).json()[
        "access_token"
    ]
    keys = Path(str(tmp_path)) / "jwks.json"
    keys.write_text(json.dumps((await client.get("/jwks")).json()))

    account_id = await TokenVerifier(PlatformSettings(jwks_file=keys), "visits").account_id(token)

    found = await stack.rows(
        "identity", "select role from account where account_id = $1", account_id
    )
    assert [row["role"] for row in found] == ["relationship_manager"]
    assert "d" not in json.loads(keys.read_text())["keys"][0]


async def test_unknown_name_and_wrong_password_get_the_same_answer(stack: Stack) -> None:
    await opened(stack, password=PASSWORD)
    client = client_of(stack.caller("identity", "platform_admin"))

    unknown = await client.post("/sign-in", json={"username": "nobody", "password": PASSWORD})
    wrong = await client.post("/sign-in", json={"username": "rm-1", "password": "wrong-password"})

    def shown(answer: httpx2.Response) -> dict[str, object]:
        return {k: v for k, v in answer.json().items() if k != "trace_id"}

    assert unknown.status_code == wrong.status_code == 401
    assert shown(unknown) == shown(wrong)


async def test_ten_wrong_passwords_shut_the_account_for_a_minute(stack: Stack) -> None:
    await opened(stack, password=PASSWORD)
    client = client_of(stack.caller("identity", "platform_admin"))

    for _ in range(10):
        await client.post("/sign-in", json={"username": "rm-1", "password": "wrong-password"})
    locked = await client.post("/sign-in", json={"username": "rm-1", "password": PASSWORD})

    assert locked.status_code == 429
    assert locked.json()["code"] == "account.locked"


async def test_refresh_rotates_and_a_late_reuse_ends_the_family(stack: Stack) -> None:
    await opened(stack, password=PASSWORD)
    client = client_of(stack.caller("identity", "platform_admin"))
    signed_in = await client.post("/sign-in", json={"username": "rm-1", "password": PASSWORD})
    old = signed_in.cookies["yinqi_refresh"]

    def cookie(value: str) -> dict[str, str]:
        return {"cookie": f"yinqi_refresh={value}"}

    client.cookies.clear()
    renewed = await client.post("/refresh", headers=cookie(old))
    new = renewed.cookies["yinqi_refresh"]
    client.cookies.clear()
    async with stack.database("identity").transaction() as tx:
        driver = await tx.driver()
        await driver.execute("update refresh set used_at = used_at - interval '1 minute'")
    reused = await client.post("/refresh", headers=cookie(old))
    after = await client.post("/refresh", headers=cookie(new))

    assert renewed.status_code == 200
    assert (reused.status_code, after.status_code) == (401, 401)


async def test_a_disabled_account_is_refused_with_its_unexpired_token(stack: Stack) -> None:
    row = await opened(stack, password=PASSWORD)
    admin = stack.caller("identity", "platform_admin")
    manager = stack.caller(
        "identity", "relationship_manager", account_id=UUID(str(row["account_id"]))
    )
    assert (await manager.get("/me")).status_code == 200

    await admin.post(f"/accounts/{row['account_id']}/disable")
    await stack.settle()

    assert (await manager.get("/me")).json()["code"] == "access.revoked"
    assert (await admin.post(f"/accounts/{row['account_id']}/disable")).status_code == 409


async def test_a_bank_opens_accounts_for_its_own_people_only(stack: Stack) -> None:
    bank = stack.caller("identity", "bank_head", institution_id=BANK)
    rows = [manager_row("own"), manager_row("foreign", OTHER_BANK), manager_row("own")]

    items = (await bank.post("/accounts:batch", json={"rows": rows})).json()["items"]

    assert [item["status"] for item in items] == ["opened", "refused", "refused"]
    assert [e["code"] for e in items[1]["errors"]] == ["account.not_yours"]
    assert [e["code"] for e in items[2]["errors"]] == ["account.username_taken"]


async def test_a_bank_cannot_disable_another_banks_account(stack: Stack) -> None:
    row = await opened(stack)
    other = stack.caller("identity", "bank_head", institution_id=OTHER_BANK)

    answer = await other.post(f"/accounts/{row['account_id']}/disable")
    missing = await other.post(f"/accounts/{uuid4()}/disable")

    assert answer.status_code == missing.status_code == 404
    assert answer.json()["title"] == missing.json()["title"]


async def test_a_machine_client_gets_a_token_for_its_secret(stack: Stack) -> None:
    admin = stack.caller("identity", "platform_admin")
    body = {"name": "核心系统", "institution_id": str(BANK)}
    opened_client = (await admin.post("/clients", json=body)).json()
    form = {
        "grant_type": "client_credentials",
        "client_id": opened_client["client_id"],
        "client_secret": opened_client["client_secret"],
    }

    good = await client_of(admin).post("/token", data=form)
    bad = await client_of(admin).post("/token", data=form | {"client_secret": "x"})

    assert good.json()["account"]["role"] == "bank_core"
    assert (good.status_code, bad.status_code) == (200, 401)


async def test_five_equal_calls_at_once_open_one_account(stack: Stack) -> None:
    admin = stack.caller("identity", "platform_admin")
    body = {"rows": [manager_row()]}

    answers = await asyncio.gather(
        *(admin.post("/accounts:batch", json=body, key="the-same-key") for _ in range(5))
    )

    assert len({answer.content for answer in answers}) == 1
    named = "select 1 from account where username = 'rm-1'"
    assert len(await stack.rows("identity", named)) == 1


async def test_a_write_without_an_idempotency_key_is_refused(stack: Stack) -> None:
    admin = stack.caller("identity", "platform_admin")
    assert (await admin.get("/me")).status_code == 200
    answer = await client_of(admin).post(
        "/accounts:batch",
        json={"rows": [manager_row()]},
        headers={"authorization": f"Bearer {admin._token}"},
    )

    assert answer.status_code == 400
    assert answer.json()["code"] == "idempotency.key_missing"


async def test_the_same_key_with_another_body_is_refused(stack: Stack) -> None:
    admin = stack.caller("identity", "platform_admin")
    await admin.post("/accounts:batch", json={"rows": [manager_row("a1")]}, key="same-key")

    answer = await admin.post("/accounts:batch", json={"rows": [manager_row("a2")]}, key="same-key")

    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency.key_reused"


async def test_an_unknown_field_is_named_in_chinese(stack: Stack) -> None:
    admin = stack.caller("identity", "platform_admin")
    answer = await admin.post("/accounts:batch", json={"rows": [manager_row() | {"x": 1}]})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"] == [
        {"where": "rows.0.x", "code": "field.extra_forbidden", "message": "不认识的字段"}
    ]


async def test_no_token_no_entry(stack: Stack) -> None:
    admin = stack.caller("identity", "platform_admin")
    client = client_of(admin)

    assert (await client.get("/me")).status_code == 401
    expired = Caller(client, stack.mint.token(uuid4(), lifetime_s=-10))
    assert (await expired.get("/me")).status_code == 401
    forged = Caller(client, admin._token[:-4] + "AAAA")
    assert (await forged.get("/me")).status_code == 401
