"""Windows of a browser, and what goes wrong in them."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--lang=zh-CN",
)
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}
SOMEWHERE = {"latitude": 31.3, "longitude": 120.6, "accuracy": 18}
#: Chromium's own line on an answer of 400 and more, or on a request that found no network.
_REFUSED = re.compile(r"^Failed to load resource")

BOTH_TRANSPORTS = pytest.mark.parametrize(
    "place", ["log", pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True
)
ON_LOG = pytest.mark.parametrize("place", ["log"], indirect=True)


class Browsing:
    """Opens windows, and writes down every error, warning and request to another host."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.url = url
        self.faults: list[str] = []
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._refusals_expected = False
        self._others: tuple[str, ...] = ()

    def expect_refusals(self) -> None:
        """This test asks for what it will not get."""
        self._refusals_expected = True

    def expect_visit_to(self, address: str) -> None:
        """This test signs in at somebody else's."""
        self._others += (f"{address}/",)

    async def phone(self, *, located: bool = True) -> Page:
        """A small touch screen in Chinese; its owner lets the page know the place, or not."""
        context = await self._browser.new_context(
            viewport=PHONE,
            device_scale_factor=2,
            is_mobile=True,
            has_touch=True,
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            geolocation=SOMEWHERE,
            permissions=["geolocation"] if located else [],
        )
        return await self._open(context)

    async def desk(self, *, width: int = DESK["width"], height: int = DESK["height"]) -> Page:
        """A window on a desk."""
        context = await self._browser.new_context(
            viewport={"width": width, "height": height},
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            accept_downloads=True,
        )
        return await self._open(context)

    async def close(self) -> None:
        """Close all windows."""
        for context in self._contexts:
            await context.close()

    async def _open(self, context: BrowserContext) -> Page:
        self._contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("request", self._asked)
        return page

    def _said(self, message: ConsoleMessage) -> None:
        refused = self._refusals_expected and _REFUSED.match(message.text)
        if message.type in ("error", "warning") and not refused:
            self.faults.append(f"{message.type}: {message.text} {message.location}")

    def _asked(self, request: Request) -> None:
        own = request.url.startswith((f"{self.url}/", f"blob:{self.url}/", *self._others))
        if not own:
            self.faults.append(f"asked another host: {request.url}")


async def sign_in(page: Page, address: str, username: str, password: str) -> None:
    """By the form, as a person does."""
    await page.goto(address)
    await page.get_by_test_id("username").fill(username)
    await page.get_by_test_id("password").fill(password)
    await page.get_by_test_id("submit-sign-in").click()


async def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


async def saved(page: Page, test_id: str, folder: Path) -> Path:
    """Click what downloads a file; where it is now."""
    async with page.expect_download() as waiting:
        await page.get_by_test_id(test_id).first.click()
    download = await waiting.value
    path = folder / download.suggested_filename
    await download.save_as(path)
    return path
