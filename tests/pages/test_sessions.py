"""Sessions in the pages: a session that ends takes nothing away, and the second factor works."""

import base64
import hashlib
import hmac
import re
import struct
import time

import pytest
from playwright.async_api import Page, expect

from benchmarks.campaign.api import Api
from tests.pages import board, phone
from tests.pages.browsing import ON_LOG, Browsing, sign_in
from tests.pages.campaign import Made
from tests.pages.conftest import Manager

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), ON_LOG]


async def end_session(page: Page) -> None:
    """As if it had been ended elsewhere: the browser's cookies are worth nothing any more."""
    await page.context.clear_cookies()


async def test_the_session_is_a_cookie_that_no_script_can_read(
    place: Made, browsing: Browsing
) -> None:
    screen = await browsing.desk()
    who = place.regulator
    await board.open_board(screen, place.url, who.name, who.password)
    cookies = {cookie["name"]: cookie for cookie in await screen.context.cookies()}
    session = cookies["yinqi_session"]
    assert session["httpOnly"]
    assert session["sameSite"] == "Lax"
    assert await screen.evaluate("document.cookie") == ""
    kept = await screen.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "ey" not in kept  # no token
    assert session["value"] not in kept


async def test_a_session_that_ends_takes_no_typed_word_away(
    place: Made, manager: Manager, browsing: Browsing
) -> None:
    browsing.expect_refusals()
    hand = await browsing.phone()
    await sign_in(hand, f"{place.url}/m/", manager.caller.name, manager.caller.password)
    await expect(hand.get_by_test_id("cards")).to_be_visible()
    name = await phone.open_form(hand, (await phone.due_on_phone(hand))[0])
    await phone.fill_form(hand, photo=70)
    await end_session(hand)
    await hand.get_by_test_id("save-visit").tap()
    again = hand.get_by_test_id("sign-in")
    await expect(again).to_be_visible()
    await expect(again.get_by_text("登录已过期")).to_be_visible()
    await expect(hand.get_by_test_id("username")).to_have_value(manager.caller.name)
    await hand.get_by_test_id("password").fill(manager.caller.password)
    await hand.get_by_test_id("submit-sign-in").tap()
    await expect(again).to_have_count(0)
    await expect(hand.get_by_test_id("toast")).to_contain_text(f"{name}：走访已保存")


async def test_the_board_stays_under_the_sign_in_and_goes_on(
    place: Made, browsing: Browsing
) -> None:
    browsing.expect_refusals()
    screen = await browsing.desk()
    who = place.regulator
    await board.open_board(screen, place.url, who.name, who.password)
    await end_session(screen)
    await expect(screen.get_by_test_id("sign-in")).to_be_visible()
    await expect(screen.get_by_test_id("total-row")).to_be_visible()
    await screen.get_by_test_id("password").fill(who.password)
    await screen.get_by_test_id("submit-sign-in").click()
    await expect(screen.get_by_test_id("sign-in")).to_have_count(0)
    await expect(screen.get_by_test_id("status")).to_contain_text("实时")


async def test_sign_out_ends_the_session_at_once(place: Made, browsing: Browsing) -> None:
    browsing.expect_refusals()
    screen = await browsing.desk()
    who = place.regulator
    await board.open_board(screen, place.url, who.name, who.password)
    cookies = await screen.context.cookies()
    await screen.get_by_test_id("sign-out").click()
    await expect(screen.get_by_test_id("sign-in")).to_be_visible()
    await screen.context.add_cookies(
        [{"name": c["name"], "value": c["value"], "url": place.url} for c in cookies]
    )
    answer = await screen.request.get(f"{place.url}/api/allocation/v1/campaigns")
    assert answer.status == 401


def totp(secret: str, at: float) -> str:
    """The code of an authenticator (RFC 6238), on its own."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, struct.pack(">Q", int(at // 30)), hashlib.sha1)
    start = digest[-1] & 15
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


async def test_a_second_factor_is_asked_for_once_it_is_there(
    place: Made, api: Api, browsing: Browsing
) -> None:
    """Enrolled over the API, used by the form: a wrong code is refused, a recovery code works."""
    browsing.expect_refusals()
    name, password = "audit-zhang", "Fuhe-yanzheng-2022"
    row = {"username": name, "role": "auditor", "password": password}
    await api.post(place.admin, "/identity/v1/accounts:batch", {"rows": [row]})
    given = {"username": name, "password": password}
    begun = (await api.ask(None, "POST", "/identity/v1/totp/enrolments", json=given)).json()
    first = {**given, "code": totp(begun["secret"], time.time())}
    kept = (await api.ask(None, "POST", "/identity/v1/totp/confirmations", json=first)).json()
    screen = await browsing.desk(width=360)
    await sign_in(screen, f"{place.url}/", name, password)
    field = screen.get_by_test_id("second-factor")
    await expect(field).to_be_focused()
    await field.fill("000000")
    await screen.get_by_test_id("submit-sign-in").click()
    await expect(screen.get_by_test_id("sign-in-error")).to_contain_text("不正确")
    await screen.get_by_test_id("use-recovery").click()
    await field.fill(kept["recovery_codes"][0])
    await screen.get_by_test_id("submit-sign-in").click()
    await expect(screen.get_by_test_id("who")).to_be_visible()
    await screen.get_by_test_id("section-audit").click()
    await expect(screen.get_by_test_id("audit")).to_be_visible()
    assert re.match(r"otpauth://totp/", begun["address"])
