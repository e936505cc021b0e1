"""What the pages say when something is wrong, and to whom they show what."""

import re

import pytest
from playwright.async_api import Page, expect

from benchmarks.campaign.api import Api
from tests.pages import board, phone
from tests.pages.browsing import ON_LOG, Browsing, sign_in
from tests.pages.campaign import Made
from tests.pages.conftest import Manager

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), ON_LOG]
NOBODYS = "00000000-0000-4000-8000-000000000000"


def is_chinese(text: str) -> bool:
    """Says something in Chinese and nothing in English."""
    return bool(re.search(r"[\u4e00-\u9fff]", text)) and not re.search(r"[A-Za-z]{3,}", text)


@pytest.mark.parametrize("page", ["", "m/"])
async def test_a_wrong_password_is_refused_in_chinese(
    place: Made, browsing: Browsing, page: str
) -> None:
    browsing.expect_refusals()
    window = await (browsing.phone() if page else browsing.desk())
    await sign_in(window, f"{place.url}/{page}", place.regulator.name, "not-the-password")
    fault = await window.get_by_test_id("sign-in-error").inner_text()
    assert is_chinese(fault), fault
    assert "密码" in fault


async def test_what_is_not_there_is_said_in_chinese(
    place: Made, manager: Manager, browsing: Browsing
) -> None:
    browsing.expect_refusals()
    hand = await browsing.phone()
    await sign_in(hand, f"{place.url}/m/", manager.caller.name, manager.caller.password)
    await expect(hand.get_by_test_id("cards")).to_be_visible()
    await hand.evaluate(f"location.hash = '#/e/{NOBODYS}'")
    notice = hand.get_by_test_id("enterprise-card").get_by_role("alert")
    await expect(notice).to_be_visible()
    assert is_chinese(await notice.inner_text()), await notice.inner_text()
    await expect(hand.get_by_text("这家企业不在您的名单里")).to_be_visible()


async def test_an_incomplete_form_says_what_to_do_and_sends_nothing(
    place: Made, manager: Manager, browsing: Browsing
) -> None:
    hand = await browsing.phone()
    await sign_in(hand, f"{place.url}/m/", manager.caller.name, manager.caller.password)
    await expect(hand.get_by_test_id("cards")).to_be_visible()
    sent: list[str] = []
    hand.on("request", lambda r: sent.append(r.url) if r.method == "POST" else None)
    await phone.open_form(hand, (await phone.due_on_phone(hand))[0])
    await hand.get_by_test_id("has-need").check()
    await hand.get_by_test_id("need-amount").fill("12,5")
    await hand.get_by_test_id("visited-on").fill("2022-07-21")
    await hand.get_by_test_id("save-visit").tap()
    form = hand.get_by_test_id("visit-form")
    for words in ("走访日期不能晚于今天", "请填写受访人姓名", "请填写大于零的金额，单位万元"):
        await expect(form.get_by_text(words)).to_be_visible()
    assert not [url for url in sent if url.endswith("/visits/v1/visits")]


async def test_a_visit_that_the_service_refuses_is_explained_in_chinese_and_can_be_mended(
    place: Made, manager: Manager, browsing: Browsing, api: Api
) -> None:
    """The page knows less than the service: here a visitor who is not on the roster."""
    browsing.expect_refusals()
    hand = await browsing.phone()
    await sign_in(hand, f"{place.url}/m/", manager.caller.name, manager.caller.password)
    await expect(hand.get_by_test_id("cards")).to_be_visible()

    async def with_a_stranger(route, request) -> None:  # type: ignore[no-untyped-def]
        body = request.post_data_json | {"staff_ids": [NOBODYS]}
        await route.continue_(post_data=body)

    await hand.route("**/visits/v1/visits", with_a_stranger)
    await phone.open_form(hand, (await phone.due_on_phone(hand))[-1])
    await phone.fill_form(hand)
    await hand.get_by_test_id("save-visit").tap()
    await expect(hand.get_by_test_id("queue-note")).to_contain_text("未被接受")
    await hand.get_by_test_id("queue-note").tap()
    reason = await hand.get_by_test_id("queue-reason").inner_text()
    assert is_chinese(reason), reason
    await hand.unroute("**/visits/v1/visits")
    hand.on("dialog", lambda dialog: dialog.accept())
    await hand.get_by_role("button", name="删除").tap()
    await expect(hand.get_by_test_id("queue-entry")).to_have_count(0)


async def _open_as_bank(place: Made, browsing: Browsing, query: str) -> Page:
    screen = await browsing.desk()
    await board.open_board(screen, place.url, place.head.name, place.head.password, query)
    return screen


async def test_a_bank_sees_its_own_institution_and_no_other(
    place: Made, browsing: Browsing, api: Api
) -> None:
    screen = await _open_as_bank(place, browsing, "?view=institution&quarter=2022Q2")
    rows = await board.column(screen, "due")
    assert list(rows) == [place.visiting_bank]
    asked = {"campaign_id": place.campaign_id, "quarter": "2022Q2", "by": "institution"}
    others = await api.get(place.regulator, "/reporting/v1/figures", **asked)
    strangers = [row for row in others["rows"] if row["institution_id"] != place.visiting_bank_id]
    assert strangers
    text = await screen.locator("body").inner_text()
    assert not [row["name"] for row in strangers if row["name"] in text]
    own = next(r for r in others["rows"] if r["institution_id"] == place.visiting_bank_id)
    assert rows[place.visiting_bank] == str(own["metrics"]["assigned"])


async def test_a_number_of_another_bank_does_not_open(place: Made, browsing: Browsing) -> None:
    browsing.expect_refusals()
    other = f"?quarter=2022Q2&open=lines_n&cell_institution={NOBODYS}"
    screen = await _open_as_bank(place, browsing, other)
    await expect(screen.get_by_test_id("drawer")).to_be_visible()
    await expect(screen.get_by_test_id("drawer-enterprise")).to_have_count(0)
