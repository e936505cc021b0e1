"""A1, A3, A5 on a screen: a plan is looked at, solved anew, checked by another, published; sliders."""

import gzip
import json
import re
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Dialog, Page, expect

from benchmarks.campaign.api import Api, Caller
from tests.pages.browsing import ON_LOG, Browsing, saved, sign_in
from tests.pages.campaign import Made
from tests.pages.test_access import check
from tests.pages.test_console import regulator

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), ON_LOG]


#: A policy that asks for little but short ways.
LAX = {"no_relation_m": "0", "remote_m": "0", "stick_m": "0", "total_bp": "3000", "hard_bp": "3000"}


async def opened(browsing: Browsing, place: Made, who: Caller) -> Page:
    """The page of plans."""
    screen = await browsing.desk()
    await sign_in(screen, f"{place.url}/", who.name, who.password)
    await screen.get_by_test_id("section-plans").click()
    await expect(screen.get_by_test_id("plan").first).to_be_visible()
    return screen


async def open_plan(screen: Page, *texts: str) -> None:
    """The plan that the list shows with all these words."""
    row = screen.get_by_test_id("plan")
    for text in texts:
        row = row.filter(has_text=text)
    await row.get_by_role("button").click()
    await expect(screen.get_by_test_id("plan-sums")).to_be_visible()


async def test_A1_a_plan_is_solved_checked_by_another_and_published_on_the_screen(
    place: Made, api: Api, browsing: Browsing, tmp_path: Path
) -> None:
    first = await opened(browsing, place, place.regulator)
    await first.get_by_test_id("new-plan").click()
    await first.get_by_test_id("plan-tier").select_option("2")
    await first.get_by_test_id("plan-seed").fill("5")
    await first.get_by_test_id("plan-solve").click()
    plan = first.get_by_test_id("plan-open")
    await expect(plan).to_have_attribute("data-state", "draft", timeout=60_000)
    await expect(first.get_by_test_id("plan-own")).to_be_visible()
    await expect(first.get_by_test_id("plan-check")).to_have_count(0)
    sums = await first.get_by_test_id("plan-sums").inner_text()
    done, _, all_of_them = sums.split("证明最优")[1].strip().split()
    assert done == all_of_them
    await check(first, "a draft")
    file = await saved(first, "plan-file", tmp_path)
    exported = json.loads(gzip.decompress(file.read_bytes()))
    assert exported["cities"]
    second = await regulator(place, api, f"hedui-{uuid4().hex[:6]}")
    other = await opened(browsing, place, second)
    await open_plan(other, "第二级 · 第 2 版")
    await other.get_by_test_id("plan-check").click()
    asked: list[str] = []

    async def agree(dialog: Dialog) -> None:
        asked.append(dialog.message)
        await dialog.accept()

    other.on("dialog", agree)
    await other.get_by_test_id("plan-publish").click()
    state = other.get_by_test_id("plan-open")
    await expect(state).to_have_attribute("data-state", "published", timeout=60_000)
    assert "不能撤回" in asked[0]
    old = other.get_by_test_id("plan").filter(has_text="第二级 · 第 1 版")
    await expect(old).to_contain_text("已被取代")


async def test_A5_sliders_solve_a_city_again_and_publish_nothing(
    place: Made, browsing: Browsing
) -> None:
    screen = await opened(browsing, place, place.regulator)
    await open_plan(screen, "第二级", "已公布")
    await expect(screen.get_by_test_id("what-if")).to_be_visible()
    await screen.wait_for_load_state("networkidle")
    kept = screen.get_by_test_id("try-kept")
    had = await kept.count()
    await screen.get_by_test_id("try-city").select_option("320500")
    sums = screen.get_by_test_id("try-sums")
    await expect(sums).to_contain_text(re.compile(r"换承办方\s*0 户"))
    for name, value in LAX.items():
        await screen.get_by_test_id(f"slide-{name}").fill(value)
    await expect(sums).to_contain_text(re.compile(r"换承办方\s*[1-9]"))
    await expect(screen.get_by_test_id("try-bank").first).to_be_visible()
    await screen.get_by_test_id("try-moves").locator("summary").click()
    await expect(screen.get_by_test_id("try-moves").locator("li").first).to_contain_text("→")
    await check(screen, "what if")
    await screen.set_viewport_size({"width": 360, "height": 740})
    await check(screen, "what if, on a phone")
    await screen.get_by_test_id("try-keep").click()
    await expect(kept).to_have_count(had + 1)
    await kept.first.get_by_role("button").click()
    await expect(kept).to_have_count(had)


async def test_A3_a_bank_sees_its_own_part_of_a_plan_only(place: Made, browsing: Browsing) -> None:
    screen = await opened(browsing, place, place.head)
    await open_plan(screen, "第二级", "已公布")
    rows = screen.get_by_test_id("plan-load").locator("th")
    await expect(rows.first).to_be_visible()
    assert {name.strip() for name in await rows.all_inner_texts()} == {place.visiting_bank}
    await expect(screen.get_by_test_id("what-if")).to_have_count(0)
