"""A6, A8 on a screen: a bank names who answers for an enterprise, asks to give one back, a bureau decides."""

import pytest
from playwright.async_api import expect

from benchmarks.campaign.api import Api
from tests.pages.browsing import ON_LOG, Browsing
from tests.pages.campaign import Made
from tests.pages.test_access import check
from tests.pages.test_console import opened

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), ON_LOG]
ALLOCATION = "/allocation/v1"


async def without_contact(api: Api, place: Made) -> int:
    """How many of the slow bank's enterprises nobody answers for."""
    asked = {"campaign_id": place.campaign_id, "without_contact": "true", "limit": 500}
    return len((await api.get(place.slow_head, f"{ALLOCATION}/assignments", **asked))["items"])


async def test_A6_a_bank_names_whom_it_is_suggested_and_whom_it_picks(
    place: Made, api: Api, browsing: Browsing
) -> None:
    missing = await without_contact(api, place)
    assert missing > 1
    screen = await opened(browsing, place, place.slow_head, "contacts")
    rows = screen.get_by_test_id("contact-row")
    await expect(rows).to_have_count(missing)
    await check(screen, "contacts to name")
    await screen.set_viewport_size({"width": 360, "height": 740})
    await check(screen, "contacts to name, on a phone")
    await screen.set_viewport_size({"width": 1280, "height": 900})
    ticks = rows.get_by_role("checkbox")
    await ticks.first.uncheck()
    await screen.get_by_test_id("contacts-save").click()
    await expect(screen.get_by_test_id("contacts-said")).to_have_text(f"已指定 {missing - 1} 户。")
    await expect(rows).to_have_count(1)
    outlet = rows.get_by_role("combobox").first
    places = await outlet.locator("option:not([disabled])").all_inner_texts()
    await outlet.select_option(label=places[-1])
    await screen.get_by_test_id("contacts-save").click()
    await expect(rows).to_have_count(0)
    assert await without_contact(api, place) == 0
    await screen.get_by_test_id("contacts-named").click()
    await expect(rows.filter(has_text=places[-1]).first).to_be_visible()


async def test_A8_a_return_is_asked_for_and_refused_with_a_reason_and_the_duty_stays(
    place: Made, browsing: Browsing
) -> None:
    bank = await opened(browsing, place, place.slow_head, "contacts")
    await bank.get_by_test_id("contacts-named").click()
    row = bank.get_by_test_id("contact-row").first
    await row.get_by_test_id("give-back").click()
    await bank.get_by_test_id("give-back-reason").select_option("not_found")
    await bank.get_by_test_id("give-back-note").fill("两次上门无人")
    await check(bank, "asking to give back")
    await bank.get_by_test_id("give-back-save").click()
    await expect(bank.get_by_test_id("contacts-said")).to_contain_text("决定之前仍由本机构承办")
    regulator = await opened(browsing, place, place.regulator, "returns")
    mine = regulator.get_by_test_id("return").filter(has_text="两次上门无人")
    await mine.get_by_test_id("return-reject").click()
    await expect(regulator.get_by_test_id("returns-fault")).to_have_text("不同意时请写明理由。")
    await mine.get_by_test_id("return-note").fill("电话可以联系上")
    await check(regulator, "a return to decide")
    await regulator.set_viewport_size({"width": 360, "height": 740})
    await check(regulator, "a return to decide, on a phone")
    await mine.get_by_test_id("return-reject").click()
    await expect(mine).to_have_count(0)
    await regulator.get_by_test_id("returns-decided").click()
    await expect(mine).to_contain_text("未同意")
    await bank.get_by_test_id("section-returns").click()
    await bank.get_by_test_id("returns-decided").click()
    told = bank.get_by_test_id("return").filter(has_text="电话可以联系上")
    await expect(told).to_be_visible()
    await expect(told.get_by_test_id("return-grant")).to_have_count(0)
