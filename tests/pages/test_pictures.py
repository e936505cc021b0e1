"""The pictures of the README, taken from the real pages.

With YINQI_PICTURES=1 they are made of a campaign in all thirteen cities and kept in docs/pictures;
otherwise of the tests' small one, and thrown away: what is tested is that they can be taken.
"""

import os
from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import Page, expect

from services.embedded import ROOT
from tests.pages import board, phone
from tests.pages.browsing import ON_LOG, Browsing, overflow, sign_in
from tests.pages.campaign import Made
from tests.pages.conftest import Manager
from tests.pages.test_plans import LAX, open_plan

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900), ON_LOG]
MOST_BYTES = 200_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return ROOT / "docs" / "pictures" if os.environ.get("YINQI_PICTURES") else tmp_path


async def take(page: Page, path: Path) -> None:
    """What the window shows, in few enough colours to be small."""
    await page.wait_for_timeout(400)
    assert await overflow(page) <= 0
    await page.screenshot(path=path)
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    assert 5_000 < path.stat().st_size < MOST_BYTES


async def test_pictures_of_the_board(place: Made, browsing: Browsing, folder: Path) -> None:
    screen = await browsing.desk(height=1060)
    who = place.regulator
    await board.open_board(screen, place.url, who.name, who.password, "?quarter=2022Q2")
    await take(screen, folder / "board.png")
    await screen.get_by_test_id("view-institution").click()
    await expect(screen.get_by_test_id("institution-table")).to_be_visible()
    await screen.get_by_test_id("sort-lines").click()
    await take(screen, folder / "board-institution.png")
    await screen.get_by_test_id("view-region").click()
    await screen.locator(board.cell("row-320500", "granted")).locator("a").click()
    await board.names_in_drawer(screen)
    await screen.get_by_test_id("drawer-enterprise").nth(1).click()
    await expect(screen.get_by_test_id("drawer-event").first).to_be_visible()
    await take(screen, folder / "drawer.png")


async def test_pictures_of_the_plans(place: Made, browsing: Browsing, folder: Path) -> None:
    screen = await browsing.desk(height=1060)
    await sign_in(screen, f"{place.url}/", place.regulator.name, place.regulator.password)
    await screen.get_by_test_id("section-plans").click()
    await open_plan(screen, "第二级", "已公布")
    await screen.get_by_test_id("plan-city").select_option("320500")
    await screen.get_by_test_id("try-city").select_option("320500")
    for name, value in LAX.items():
        await screen.get_by_test_id(f"slide-{name}").fill(value)
    await expect(screen.get_by_test_id("try-moves")).to_be_visible()
    await screen.get_by_test_id("try-moves").scroll_into_view_if_needed()
    await take(screen, folder / "plan.png")


async def test_pictures_of_the_phone(
    place: Made, manager: Manager, browsing: Browsing, folder: Path
) -> None:
    hand = await browsing.phone()
    await sign_in(hand, f"{place.url}/m/", manager.caller.name, manager.caller.password)
    await expect(hand.get_by_test_id("cards")).to_be_visible()
    before = int(await hand.get_by_test_id("count-visited").inner_text())
    for turn in range(2):
        name = await phone.open_form(hand, (await phone.due_on_phone(hand))[0])
        await phone.fill_form(hand, photo=90 + turn)
        await phone.save(hand, name)
        await expect(hand.get_by_test_id("count-visited")).to_have_text(str(before + turn + 1))
    await expect(hand.get_by_test_id("toast")).to_have_count(0)
    await take(hand, folder / "phone.png")
    await phone.open_form(hand, (await phone.due_on_phone(hand))[0])
    await phone.fill_form(hand, photo=95)
    await expect(hand.get_by_test_id("place")).to_have_attribute("data-state", "found")
    await hand.get_by_test_id("interviewee-role").focus()
    await hand.get_by_test_id("place").evaluate("place => place.scrollIntoView({block: 'center'})")
    await take(hand, folder / "visit.png")
