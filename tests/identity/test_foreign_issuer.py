"""Sign-in through a foreign OpenID Connect issuer: two real ones, and one that lies."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.fakes import oidc
from tests.identity.conftest import PUBLIC, use_issuer
from tests.identity.people import Browser, browser, opened
from tests.support.stack import Stack

PREFIX = "/api/identity/v1"


@pytest.fixture
async def on(stack: Stack, issuer_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Identity, set to our own issuer, which says the truth about rm-1."""
    use_issuer(stack, monkeypatch, oidc_issuer=issuer_address, oidc_client_secret=oidc.SECRET)
    await tell(issuer_address)
    return issuer_address


async def tell(issuer: str, lie: str = "", *, new_key: bool = False, **claims: Any) -> None:
    said = {"sub": "1", "preferred_username": "rm-1"} | claims
    async with httpx2.AsyncClient() as client:
        await client.post(
            f"{issuer}/_test/set", json={"claims": said, "lie": lie, "new_key": new_key}
        )


async def agree(location: str) -> str:
    """Signing in at the issuer, which sends the browser back; the path with its query."""
    async with httpx2.AsyncClient() as client:
        answer = await client.get(location)
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"].removeprefix(PUBLIC + PREFIX))


async def enter(one: Browser, page: str = "/") -> httpx2.Response:
    started = await one.send("GET", "/oidc/start", params={"next": page})
    assert started.status_code == 302, started.text
    return await one.send("GET", await agree(started.headers["location"]))


async def test_a_claim_names_an_account_that_exists(stack: Stack, on: str) -> None:
    account, one = await opened(stack), browser(stack)

    answer = await enter(one, "/board?x=1")

    assert answer.headers["location"] == "/board?x=1"
    assert (await one.authz()).status_code == 204
    assert (await one.send("GET", "/session")).json()["account"]["account_id"] == str(account)


async def test_an_issuer_that_others_wrote_signs_in_as_well(
    stack: Stack, others_issuer_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_issuer(stack, monkeypatch, oidc_issuer=others_issuer_address, oidc_client_secret="any")
    await opened(stack)
    one = browser(stack)
    started = await one.send("GET", "/oidc/start")
    async with httpx2.AsyncClient() as client:
        agreed = await client.post(started.headers["location"], data={"sub": "rm-1"})
    back = agreed.headers["location"].removeprefix(PUBLIC + PREFIX)

    answer = await one.send("GET", back)

    assert (agreed.status_code, answer.headers["location"]) == (302, "/")
    assert (await one.authz()).status_code == 204


async def test_pkce_state_and_nonce_go_along_and_differ_each_time(stack: Stack, on: str) -> None:
    asked = [
        parse_qs(
            urlsplit((await browser(stack).send("GET", "/oidc/start")).headers["location"]).query
        )
        for _ in range(2)
    ]

    for name in ("state", "nonce", "code_challenge"):
        assert asked[0][name] != asked[1][name]
    assert asked[0]["code_challenge_method"] == ["S256"]


@pytest.mark.parametrize("lie", oidc.LIES)
async def test_S09_no_lie_of_an_issuer_or_of_who_stands_between_signs_in(
    stack: Stack, on: str, lie: str
) -> None:
    await opened(stack)
    await tell(on, lie)
    one = browser(stack)

    answer = await enter(one)

    assert answer.headers["location"] == "/m/?sign_in=oidc.refused"
    assert "yinqi_session" not in one.cookies


async def test_a_new_key_of_the_issuer_is_fetched(stack: Stack, on: str) -> None:
    await opened(stack)
    assert (await enter(browser(stack))).headers["location"] == "/"
    await tell(on, new_key=True)

    assert (await enter(browser(stack))).headers["location"] == "/"


@pytest.mark.parametrize("name", ["nobody", "", None, 7, ["rm-1"]])
async def test_a_claim_that_names_no_account_opens_none(
    stack: Stack, on: str, name: object
) -> None:
    await opened(stack)
    await tell(on, preferred_username=name)

    answer = await enter(browser(stack))

    assert answer.headers["location"] == "/m/?sign_in=oidc.refused"
    assert (
        len(
            await stack.rows("identity", "select 1 from account where username <> account_id::text")
        )
        == 1
    )


async def test_an_unverified_address_is_no_name(
    stack: Stack, on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_issuer(stack, monkeypatch, oidc_claim="email")
    await opened(stack, "rm@bank.invalid")

    answers = []
    for verified in (False, True):
        await tell(on, email="rm@bank.invalid", email_verified=verified)
        answers.append((await enter(browser(stack))).headers["location"])

    assert answers == ["/m/?sign_in=oidc.refused", "/"]


async def test_a_disabled_account_does_not_enter(stack: Stack, on: str) -> None:
    account = await opened(stack)
    await stack.caller("identity", "platform_admin").post(f"/accounts/{account}/disable")

    assert (await enter(browser(stack))).headers["location"] == "/m/?sign_in=oidc.refused"


async def test_S13_another_browser_cannot_come_back_in_its_place(stack: Stack, on: str) -> None:
    await opened(stack)
    one, other = browser(stack), browser(stack)
    back = await agree((await one.send("GET", "/oidc/start")).headers["location"])

    answers = [(await each.send("GET", back)).headers["location"] for each in (other, one, one)]

    assert answers == ["/m/?sign_in=sign_in.state", "/", "/m/?sign_in=sign_in.state"]


async def test_an_issuer_that_is_away_or_names_itself_otherwise_is_not_used(
    stack: Stack, on: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in ("http://127.0.0.1:9", on.replace("127.0.0.1", "localhost") + "/x"):
        use_issuer(stack, monkeypatch, oidc_issuer=address)
        answer = await browser(stack).send("GET", "/oidc/start")
        assert answer.status_code in (401, 503), answer.text
    use_issuer(stack, monkeypatch, oidc_issuer="")
    assert (await browser(stack).send("GET", "/oidc/start")).json()["code"] == "oidc.off"
