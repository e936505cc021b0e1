"""Where console roles must have a second factor: enrolled by a picture, at the first sign-in."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from services.embedded import Embedded, Options
from shared.platform.embedded.toolchain import build_web
from tests.pages.browsing import Browsing, overflow, sign_in
from tests.pages.test_sessions import totp

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture
def strict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Embedded]:
    """A platform as it is run for others: no simulation, second factors asked for."""
    monkeypatch.setenv("IDENTITY_REQUIRE_TOTP", "true")
    with Embedded(Options(home=tmp_path / "home", web=build_web())) as platform:
        yield platform


async def test_the_first_sign_in_of_a_console_role_enrols_its_phone(
    strict: Embedded, chromium: Browser, tmp_path: Path
) -> None:
    windows = Browsing(chromium, strict.url)
    windows.expect_refusals()
    screen = await windows.desk(width=360)
    await sign_in(screen, f"{strict.url}/", "admin", strict.admin_password)
    picture = screen.get_by_test_id("totp-qr")
    await expect(picture).to_be_visible()
    assert await overflow(screen) <= 0
    await screen.screenshot(path=tmp_path / "enrol.png")
    secret = re.sub(r"\s", "", await screen.get_by_test_id("totp-secret").inner_text())
    await screen.get_by_test_id("totp-code").fill("000000")
    await screen.get_by_test_id("totp-confirm").click()
    await expect(screen.get_by_test_id("totp-error")).to_contain_text("不正确")
    now = time.time()
    await screen.get_by_test_id("totp-code").fill(totp(secret, now))
    await screen.get_by_test_id("totp-confirm").click()
    codes = screen.get_by_test_id("recovery-codes").locator("li")
    await expect(codes).to_have_count(10)
    await screen.screenshot(path=tmp_path / "codes.png")
    await screen.get_by_test_id("codes-kept").click()
    await screen.get_by_test_id("second-factor").fill(totp(secret, now + 30))  # each is good once
    await screen.get_by_test_id("submit-sign-in").click()
    await expect(screen.get_by_test_id("who")).to_be_visible()
    await windows.close()
    assert windows.faults == []
