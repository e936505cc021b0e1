"""Sessions: the gateway's question, what ends a session and how fast, refresh, cookies."""

import asyncio
import hashlib
import json
import time
from base64 import urlsafe_b64decode

import pytest

from services.identity.api.cookies import session_cookie
from services.identity.settings import Settings
from tests.identity.people import PASSWORD, Browser, browser, opened, signed_in
from tests.support.stack import Stack


def claims(token: str) -> dict[str, object]:
    part = token.split(".")[1]
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


async def seconds_until_refused(one: Browser) -> float:
    began = time.monotonic()
    while (await one.authz()).status_code == 204:
        assert time.monotonic() - began < 3
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def test_a_session_is_exchanged_for_a_token_of_one_service(stack: Stack) -> None:
    one = await signed_in(stack)

    answer = await one.authz("visits")
    said = claims(answer.headers["x-access-token"])

    assert answer.status_code == 204
    assert said["aud"] == ["visits"]
    assert said["sub"] == one.account["account_id"]  # type: ignore[index]
    assert int(str(said["exp"])) - int(str(said["iat"])) == 300
    assert set(said) == {"iss", "aud", "sub", "sid", "iat", "exp"}


async def test_the_same_token_is_given_again_and_another_one_for_another_service(
    stack: Stack,
) -> None:
    one = await signed_in(stack)

    tokens = [(await one.authz(name)).headers["x-access-token"] for name in ("visits", "visits")]
    other = (await one.authz("credit")).headers["x-access-token"]

    assert tokens[0] == tokens[1] != other


async def test_without_a_living_session_the_gateway_hears_401(stack: Stack) -> None:
    one = browser(stack)
    one.cookies = {"yinqi_session": "made-up"}

    assert (await browser(stack).authz()).json()["code"] == "access.unauthenticated"
    assert (await one.authz()).status_code == 401
    assert (await (await signed_in(stack)).authz("elsewhere")).status_code == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "post", "QUERY"])
async def test_S13_an_unsafe_call_needs_the_sessions_own_csrf_token(
    stack: Stack, method: str
) -> None:
    one, other = await signed_in(stack), await signed_in(stack, "rm-2")

    assert (await one.authz(method=method)).json()["code"] == "access.csrf"
    assert (await one.authz(method=method, csrf=other.csrf)).status_code == 403
    assert (await one.authz(method=method, csrf=one.csrf)).status_code == 204


async def test_S10_disabling_ends_a_session_within_a_second(stack: Stack) -> None:
    one = await signed_in(stack)
    admin = stack.caller("identity", "platform_admin")
    assert (await one.authz()).status_code == 204

    await admin.post(f"/accounts/{one.account['account_id']}/disable")  # type: ignore[index]

    assert await seconds_until_refused(one) <= 1.0
    assert (await one.send("POST", "/refresh")).status_code == 401
    assert (await one.sign_in("rm-1")).status_code == 401


async def test_S10_sign_out_ends_session_and_refresh_within_a_second(stack: Stack) -> None:
    one = await signed_in(stack)
    copied = Browser(one.client, dict(one.cookies), one.csrf)
    assert (await copied.authz()).status_code == 204

    assert (await one.send("POST", "/sign-out")).status_code == 204

    assert one.cookies == {}
    assert await seconds_until_refused(copied) <= 1.0
    assert (await copied.send("POST", "/refresh")).status_code == 401


async def test_S10_a_password_change_ends_all_other_sessions_within_a_second(
    stack: Stack,
) -> None:
    one = await signed_in(stack)
    other = browser(stack)
    await other.sign_in("rm-1")
    assert (await other.authz()).status_code == 204
    body = {"old_password": PASSWORD, "new_password": "另一个-long-password"}

    answer = await one.call("POST", "/password", json=body)

    assert answer.status_code == 200, answer.text
    assert await seconds_until_refused(other) <= 1.0
    assert (await other.send("POST", "/refresh")).status_code == 401
    await asyncio.sleep(0.6)
    assert (await one.authz()).status_code == 204
    assert (await one.send("POST", "/refresh")).status_code == 200
    assert (await browser(stack).sign_in("rm-1")).status_code == 401


async def test_a_wrong_old_password_changes_nothing(stack: Stack) -> None:
    one = await signed_in(stack)
    body = {"old_password": "not-my-password", "new_password": "另一个-long-password"}

    assert (await one.call("POST", "/password", json=body)).status_code == 401
    assert (await browser(stack).sign_in("rm-1")).status_code == 200


@pytest.mark.parametrize(
    "aged",
    ["seen_at = seen_at - interval '31 minutes'", "created_at = created_at - interval '13 hours'"],
)
async def test_an_idle_or_old_session_is_over(stack: Stack, aged: str) -> None:
    one = await signed_in(stack)
    await age(stack, aged)

    assert (await one.authz()).status_code == 401
    assert (await one.send("GET", "/session")).status_code == 401


@pytest.mark.parametrize(
    "aged",
    ["seen_at = seen_at - interval '29 minutes'", "created_at = created_at - interval '11 hours'"],
)
async def test_a_session_within_its_limits_goes_on_and_is_noted_as_used(
    stack: Stack, aged: str
) -> None:
    one = await signed_in(stack)
    await age(stack, aged)

    assert (await one.authz()).status_code == 204
    kept = await stack.rows("identity", "select now() - seen_at < '1 minute' as fresh from session")
    assert [row["fresh"] for row in kept] == [True] or "created_at" in aged


async def age(stack: Stack, what: str) -> None:
    async with stack.database("identity").transaction() as tx:
        await (await tx.driver()).execute(f"update session set {what}")


async def test_the_simulated_clock_signs_nobody_out(stack: Stack) -> None:
    one = await signed_in(stack)
    await stack.set_clock("2031-01-01T00:00:00+08:00")

    assert (await one.authz()).status_code == 204
    assert (await one.send("POST", "/refresh")).status_code == 200


async def test_a_page_that_is_loaded_again_learns_account_and_csrf_token(stack: Stack) -> None:
    one = await signed_in(stack)

    answer = (await one.send("GET", "/session")).json()

    assert answer == {"account": one.account, "csrf_token": one.csrf}


async def test_S09_a_refresh_token_used_again_later_ends_the_family_with_its_sessions(
    stack: Stack,
) -> None:
    one = await signed_in(stack)
    stolen = Browser(one.client, {"yinqi_refresh": one.cookies["yinqi_refresh"]})
    assert (await one.send("POST", "/refresh")).status_code == 200
    assert (await one.authz()).status_code == 204
    async with stack.database("identity").transaction() as tx:
        await (await tx.driver()).execute(
            "update refresh set used_at = used_at - interval '1 minute'"
        )

    assert (await stolen.send("POST", "/refresh")).status_code == 401

    assert await seconds_until_refused(one) <= 1.0
    assert (await one.send("POST", "/refresh")).status_code == 401


async def test_only_digests_of_tokens_are_kept(stack: Stack) -> None:
    one = await signed_in(stack)
    session, refresh = one.cookies["yinqi_session"], one.cookies["yinqi_refresh"]

    kept = await stack.rows(
        "identity", "select session::text || refresh::text as t from session, refresh"
    )

    assert session not in kept[0]["t"]
    assert refresh not in kept[0]["t"]
    assert hashlib.sha256(session.encode()).hexdigest() in kept[0]["t"]
    assert hashlib.sha256(refresh.encode()).hexdigest() in kept[0]["t"]


async def test_cookies_are_out_of_reach_for_scripts_and_other_hosts(stack: Stack) -> None:
    await opened(stack)
    lines = (await browser(stack).sign_in("rm-1")).headers.get_list("set-cookie")
    settings = Settings(database_url="", secure_cookie=True)

    assert [line for line in lines if "HttpOnly" not in line] == []
    assert any("yinqi_session=" in line and "SameSite=lax" in line for line in lines)
    assert session_cookie(settings) == "__Host-yinqi_session"
