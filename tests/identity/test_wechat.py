"""Sign-in through the official account, against a server that speaks WeChat's contract."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx2
import pytest

from services.identity.domain.wechat import js_signature
from tests.identity.conftest import PUBLIC
from tests.identity.people import BANK, OTHER_BANK, Browser, browser, opened
from tests.support.stack import Caller, Stack

PREFIX = "/api/identity/v1"


def test_the_page_signature_is_that_of_the_manual() -> None:
    signed = js_signature(
        ticket="sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg",
        nonce="Wm3WZYTPz0wzccnW",
        timestamp=1414587457,
        url="http://mp.weixin.qq.com?params=value",
    )

    assert signed == "0f9de62fce790f9a083d5c99e95740ceb90c27ed"


async def hold_phone(address: str, openid: str, *, snapshot: bool = False) -> None:
    phone = {"openid": openid, "unionid": f"u-{openid}", "snapshot": snapshot}
    async with httpx2.AsyncClient() as client:
        await client.post(f"{address}/_test/phone", json=phone)


async def consent(location: str) -> str:
    """What WeChat's page does with a browser: sends it back to us; the path with its query."""
    async with httpx2.AsyncClient() as client:
        answer = await client.get(location.partition("#")[0])
    assert answer.status_code == 302, answer.text
    back = answer.headers["location"]
    assert back.startswith(f"{PUBLIC}{PREFIX}/wechat/callback?")
    return str(back.removeprefix(PUBLIC + PREFIX))


async def come_from_wechat(one: Browser, page: str = "/m/tasks") -> httpx2.Response:
    started = await one.send("GET", "/wechat/start", params={"next": page})
    return await one.send("GET", await consent(started.headers["location"]))


def head(stack: Stack, bank: object = BANK) -> Caller:
    return stack.caller("identity", "bank_head", institution_id=bank)


async def code_for(stack: Stack, account: UUID) -> str:
    answer = await head(stack).post("/wechat-bindings:code", json={"account_id": str(account)})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["code"])


async def bound(stack: Stack, address: str, openid: str = "o-1") -> tuple[UUID, Browser]:
    account, one = await opened(stack), browser(stack)
    await hold_phone(address, openid)
    await come_from_wechat(one)
    answer = await one.send(
        "POST", "/wechat-bindings", json={"code": await code_for(stack, account)}
    )
    assert answer.status_code == 200, answer.text
    return account, one


async def test_the_way_to_wechat_is_the_documented_address(stack: Stack, wechat_on: str) -> None:
    location = (await browser(stack).send("GET", "/wechat/start")).headers["location"]
    asked = parse_qs(urlsplit(location).query)

    assert location.startswith(f"{wechat_on}/connect/oauth2/authorize?appid=")
    assert location.endswith("#wechat_redirect")
    assert list(asked) == ["appid", "redirect_uri", "response_type", "scope", "state"]
    assert len(asked["state"][0]) <= 128
    assert asked["state"][0].isalnum()


async def test_a_person_on_the_roster_binds_once_and_then_just_enters(
    stack: Stack, wechat_on: str
) -> None:
    account, one = await bound(stack, wechat_on)

    later = browser(stack)
    entered = await come_from_wechat(later, "/m/tasks?day=1")

    assert (await one.authz()).status_code == 204
    assert entered.headers["location"] == "/m/tasks?day=1"
    assert (await later.send("GET", "/session")).json()["account"]["account_id"] == str(account)
    methods = await stack.rows("identity", "select method from session order by created_at")
    assert {row["method"] for row in methods} == {"wechat"}


async def test_an_unbound_visitor_is_signed_in_as_nobody(stack: Stack, wechat_on: str) -> None:
    await hold_phone(wechat_on, "o-stranger")
    one = browser(stack)

    answer = await come_from_wechat(one)

    assert answer.headers["location"] == "/m/?wechat=bind"
    assert "yinqi_session" not in one.cookies
    assert (await one.authz()).status_code == 401


async def test_snapshot_users_are_refused(stack: Stack, wechat_on: str) -> None:
    await bound(stack, wechat_on, "o-snap")
    await hold_phone(wechat_on, "o-snap", snapshot=True)
    one = browser(stack)

    answer = await come_from_wechat(one)

    assert answer.headers["location"] == "/m/?sign_in=wechat.snapshot"
    assert "yinqi_session" not in one.cookies


async def test_S13_a_callback_in_another_browser_or_a_second_time_is_refused(
    stack: Stack, wechat_on: str
) -> None:
    await bound(stack, wechat_on, "o-victim")
    one, other = browser(stack), browser(stack)
    started = await one.send("GET", "/wechat/start")
    back = await consent(started.headers["location"])
    kept = dict(one.cookies)

    foreign = await other.send("GET", back)
    first = await one.send("GET", back)
    again = await Browser(one.client, kept).send("GET", back)

    assert foreign.headers["location"] == "/m/?sign_in=sign_in.state"
    assert first.headers["location"] == "/"
    assert again.headers["location"] == "/m/?sign_in=sign_in.state"


@pytest.mark.parametrize("code", ["0000", ""])
async def test_a_made_up_code_is_refused(stack: Stack, wechat_on: str, code: str) -> None:
    one = browser(stack)
    started = await one.send("GET", "/wechat/start")
    state = parse_qs(urlsplit(started.headers["location"]).query)["state"][0]

    answer = await one.send("GET", f"/wechat/callback?code={code}&state={state}")

    assert answer.headers["location"].startswith("/m/?sign_in=wechat.")
    assert "yinqi_session" not in one.cookies


@pytest.mark.parametrize(
    "page", ["https://evil.invalid/", "//evil.invalid", "/\\evil.invalid", "/api/x"]
)
async def test_nobody_is_sent_to_a_foreign_page(stack: Stack, wechat_on: str, page: str) -> None:
    await bound(stack, wechat_on, "o-next")

    assert (await come_from_wechat(browser(stack), page)).headers["location"] == "/"


# -- codes -----------------------------------------------------------------------------------------


async def test_a_binding_code_works_once_and_for_some_days(stack: Stack, wechat_on: str) -> None:
    await stack.set_clock("2022-05-01T09:00:00+08:00")
    account = await opened(stack)
    code = await code_for(stack, account)
    await stack.set_clock("2022-05-09T09:00:00+08:00")
    await hold_phone(wechat_on, "o-late")
    one = browser(stack)
    await come_from_wechat(one)

    late = await one.send("POST", "/wechat-bindings", json={"code": code})
    fresh = await code_for(stack, account)
    first = await one.send("POST", "/wechat-bindings", json={"code": fresh.lower()})
    other = browser(stack)
    await hold_phone(wechat_on, "o-second")
    await come_from_wechat(other)
    again = await other.send("POST", "/wechat-bindings", json={"code": fresh})

    assert [a.status_code for a in (late, first, again)] == [401, 200, 401]


async def test_a_new_code_voids_the_one_before(stack: Stack, wechat_on: str) -> None:
    account = await opened(stack)
    old, new = await code_for(stack, account), await code_for(stack, account)
    await hold_phone(wechat_on, "o-twice")
    one = browser(stack)
    await come_from_wechat(one)

    answers = [
        (await one.send("POST", "/wechat-bindings", json={"code": code})).status_code
        for code in (old, new)
    ]

    assert answers == [401, 200]


async def test_a_bank_issues_codes_for_its_own_people_on_the_roster_only(
    stack: Stack, wechat_on: str
) -> None:
    account = await opened(stack)
    outlet = uuid4()
    below = await opened(stack, "rm-below", outlet_id=outlet)
    branch = stack.caller("identity", "branch_head", institution_id=BANK, outlet_id=outlet)
    regulator = stack.caller("identity", "province_regulator")

    async def issued(caller: Caller, one: UUID) -> int:
        answer = await caller.post("/wechat-bindings:code", json={"account_id": str(one)})
        return answer.status_code

    assert await issued(head(stack, OTHER_BANK), account) == 404
    assert await issued(branch, account) == 404
    assert await issued(branch, below) == 201
    assert await issued(regulator, account) == 403


async def test_one_openid_is_one_person(stack: Stack, wechat_on: str) -> None:
    await bound(stack, wechat_on, "o-one")
    second = await opened(stack, "rm-2")
    code = await code_for(stack, second)
    one = browser(stack)
    await hold_phone(wechat_on, "o-other")
    await come_from_wechat(one)
    async with stack.database("identity").transaction() as tx:
        await (await tx.driver()).execute("update wechat_visitor set openid = 'o-one'")

    answer = await one.send("POST", "/wechat-bindings", json={"code": code})

    assert (answer.status_code, answer.json()["code"]) == (409, "wechat.bound")


async def test_S11_guesses_at_codes_are_stopped(stack: Stack, wechat_on: str) -> None:
    await hold_phone(wechat_on, "o-guess")
    one = browser(stack)
    await come_from_wechat(one)

    answers = [
        (await one.send("POST", "/wechat-bindings", json={"code": f"GUESS{n:05}"})).status_code
        for n in range(7)
    ]

    assert answers == [401] * 5 + [429] * 2
    assert (
        await browser(stack).send("POST", "/wechat-bindings", json={"code": "X"})
    ).status_code == 401


async def test_S10_unbinding_ends_the_sessions_and_the_binding(
    stack: Stack, wechat_on: str
) -> None:
    account, one = await bound(stack, wechat_on)
    foreign = await head(stack, OTHER_BANK)("DELETE", f"/wechat-bindings/{account}")

    answer = await head(stack)("DELETE", f"/wechat-bindings/{account}")
    await asyncio.sleep(0.6)

    assert (foreign.status_code, answer.status_code) == (404, 200)
    assert (await one.authz()).status_code == 401
    assert (await come_from_wechat(browser(stack))).headers["location"] == "/m/?wechat=bind"


async def test_a_person_unbinds_itself(stack: Stack, wechat_on: str) -> None:
    account, one = await bound(stack, wechat_on)
    one.csrf = (await one.send("GET", "/session")).json()["csrf_token"]

    assert (await one.call("DELETE", f"/wechat-bindings/{account}")).status_code == 200


async def test_a_disabled_person_does_not_enter(stack: Stack, wechat_on: str) -> None:
    account, _ = await bound(stack, wechat_on)
    await stack.caller("identity", "platform_admin").post(f"/accounts/{account}/disable")
    one = browser(stack)

    answer = await come_from_wechat(one)

    assert answer.headers["location"] == "/m/?sign_in=access.revoked"
    assert "yinqi_session" not in one.cookies


# -- pages -----------------------------------------------------------------------------------------


async def signature(stack: Stack, url: str = f"{PUBLIC}/m/visit?x=1#top") -> httpx2.Response:
    manager = stack.caller("identity", "relationship_manager", institution_id=BANK)
    return await manager.get("/wechat/page-signature", params={"url": url})


async def seen(address: str) -> dict[str, Any]:
    async with httpx2.AsyncClient() as client:
        found: dict[str, Any] = (await client.get(f"{address}/_test/seen")).json()
    return found


async def test_a_page_is_signed_with_the_ticket_and_wechat_is_asked_once(
    stack: Stack, wechat_on: str
) -> None:
    before = (await seen(wechat_on))["calls"]

    answers = await asyncio.gather(*(signature(stack) for _ in range(5)))
    asked = (await seen(wechat_on))["calls"][len(before) :]
    body, ticket = answers[0].json(), (await seen(wechat_on))["ticket"]

    assert asked == ["stable_token", "ticket"]
    assert body["signature"] == js_signature(
        ticket=ticket, nonce=body["nonce"], timestamp=body["timestamp"], url=f"{PUBLIC}/m/visit?x=1"
    )
    kept = await stack.rows("identity", "select sealed from wechat_key")
    assert not any(ticket.encode() in bytes(row["sealed"]) for row in kept)


async def test_a_token_that_ended_early_is_asked_for_anew(stack: Stack, wechat_on: str) -> None:
    await signature(stack)
    async with stack.database("identity").transaction() as tx:
        await (await tx.driver()).execute("delete from wechat_key where kind = 'ticket'")
    async with httpx2.AsyncClient() as client:
        await client.post(f"{wechat_on}/_test/end-token")
    before = (await seen(wechat_on))["calls"]

    answer = await signature(stack)

    assert answer.status_code == 200, answer.text
    assert (await seen(wechat_on))["calls"][len(before) :] == ["ticket", "stable_token", "ticket"]


async def test_only_our_own_pages_are_signed(stack: Stack, wechat_on: str) -> None:
    for url in ("https://evil.invalid/m/", f"{PUBLIC}.evil.invalid/", PUBLIC):
        assert (await signature(stack, url)).json()["code"] == "wechat.foreign_page"


async def test_wechat_away_is_said_so(
    stack: Stack, wechat_on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.identity.conftest import settings_of

    monkeypatch.setattr(settings_of(stack), "wechat_api_url", "http://127.0.0.1:9")

    answer = await signature(stack)

    assert (answer.status_code, answer.json()["code"]) == (503, "wechat.away")


async def test_without_an_official_account_there_is_no_such_sign_in(stack: Stack) -> None:
    assert (await browser(stack).send("GET", "/wechat/start")).json()["code"] == "wechat.off"
    methods = (await browser(stack).send("GET", "/sign-in-methods")).json()
    assert methods == {"wechat": False, "oidc": False}
