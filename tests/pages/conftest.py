"""The platform with its real pages behind the real gateway, and a browser that looks at them."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser, async_playwright

from benchmarks.campaign.api import Api, Caller
from services.embedded import Embedded, Options
from shared.platform.embedded.toolchain import build_web, ensure_chromium
from tests.fakes import processes, wechat
from tests.pages.browsing import ARGUMENTS, Browsing
from tests.pages.campaign import FULL, SMALL, Made, make
from tests.pages.phone import activate

PASSWORD = "Kexing-duijie-2022"


@pytest.fixture(scope="package")
def official_account() -> Iterator[str]:
    """The fake of WeChat's servers, and the settings by which identity finds them; its address."""
    port = processes.free_port()
    with (
        processes.running(
            "-m", "tests.fakes.wechat", str(port), port=port, health="/_test/seen"
        ) as address,
        pytest.MonkeyPatch.context() as environment,
    ):
        environment.setenv("IDENTITY_WECHAT_APP_ID", wechat.APP_ID)
        environment.setenv("IDENTITY_WECHAT_SECRET", wechat.SECRET)
        environment.setenv("IDENTITY_WECHAT_OPEN_URL", address)
        environment.setenv("IDENTITY_WECHAT_API_URL", address)
        yield address


@pytest.fixture(scope="package")
def place(
    request: pytest.FixtureRequest,
    official_account: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Made]:
    """A platform with a small campaign on the transport that the test names."""
    home = tmp_path_factory.mktemp(f"pages-{request.param}")
    options = Options(home=home, transport=request.param, simulation=True, web=build_web())
    scale = FULL if os.environ.get("YINQI_PICTURES") else SMALL
    with Embedded(options) as platform:
        yield asyncio.run(make(home, platform.url, platform.admin_password, scale))


@pytest.fixture(scope="package")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for all tests; each has contexts of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=ensure_chromium(),
            args=ARGUMENTS,
            env=os.environ | {"LANGUAGE": "zh_CN"},  # the words of its own controls
        )
        yield browser
        await browser.close()


@pytest.fixture
async def browsing(place: Made, chromium: Browser) -> AsyncIterator[Browsing]:
    """Browser windows of one test; faults that the pages report fail it."""
    windows = Browsing(chromium, place.url)
    yield windows
    await windows.close()
    assert windows.faults == []


@pytest.fixture
async def api(place: Made) -> AsyncIterator[Api]:
    """The same platform without a browser, to compare with."""
    async with Api(place.url) as api:
        yield api


@dataclass(frozen=True)
class Manager:
    """The account manager whose phone it is."""

    caller: Caller
    bank_id: str


@pytest.fixture(scope="package")
async def manager(place: Made, chromium: Browser) -> Manager:
    """The account, activated once on the phone page with the code that the bank was given."""
    caller = Caller(place.manager.username, place.manager.role, PASSWORD)
    windows = Browsing(chromium, place.url)
    phone = await windows.phone()
    await activate(phone, place.url, caller.name, place.activation_code, caller.password)
    assert await phone.get_by_test_id("task").count() > 0
    await windows.close()
    assert windows.faults == []
    return Manager(caller, place.visiting_bank_id)
