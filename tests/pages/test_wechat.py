"""Sign-in from the official account, on a phone, against a server that speaks WeChat's contract."""

from pathlib import Path

import httpx2
import pytest
from playwright.async_api import Page, expect

from benchmarks.campaign.api import Api
from tests.pages.browsing import ON_LOG, Browsing
from tests.pages.campaign import Made
from tests.pages.conftest import Manager
from tests.pages.test_access import check

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), ON_LOG]
OPENID = "oPAGES-0001"


async def hold_phone(address: str, openid: str, *, snapshot: bool = False) -> None:
    """Who is holding the phone that WeChat sees."""
    phone = {"openid": openid, "unionid": f"u-{openid}", "snapshot": snapshot}
    async with httpx2.AsyncClient() as client:
        await client.post(f"{address}/_test/phone", json=phone)


async def come_from_wechat(browsing: Browsing, place: Made) -> Page:
    """A phone of its own, on which the button is tapped."""
    phone = await browsing.phone()
    await phone.goto(f"{place.url}/m/")
    await phone.get_by_test_id("wechat").tap()
    return phone


async def test_a_person_binds_once_with_the_banks_code_and_then_just_taps(
    place: Made,
    manager: Manager,
    api: Api,
    browsing: Browsing,
    official_account: str,
    tmp_path: Path,
) -> None:
    browsing.expect_visit_to(official_account)
    browsing.expect_refusals()
    await hold_phone(official_account, OPENID)
    account_id = (await api.get(manager.caller, "/identity/v1/me"))["account_id"]
    made = await api.post(
        place.head, "/identity/v1/wechat-bindings:code", {"account_id": account_id}
    )

    phone = await come_from_wechat(browsing, place)
    await expect(phone.get_by_role("heading", name="绑定微信")).to_be_visible()
    await check(phone, "binding")
    await phone.screenshot(path=tmp_path / "wechat-bind-360.png")
    await phone.get_by_test_id("binding-code").fill("WRONGWRONG")
    await phone.get_by_test_id("submit-sign-in").tap()
    await expect(phone.get_by_test_id("sign-in-error")).to_contain_text("绑定码不正确或已过期")
    await phone.get_by_test_id("binding-code").fill(made["code"])
    await phone.get_by_test_id("submit-sign-in").tap()
    await expect(phone.get_by_test_id("cards")).to_be_visible()

    again = await come_from_wechat(browsing, place)
    await expect(again.get_by_test_id("cards")).to_be_visible()
    mine = await again.evaluate("fetch('/api/identity/v1/me').then(answer => answer.json())")
    assert mine["account_id"] == account_id


async def test_a_snapshot_user_is_told_how_to_come_in(
    place: Made, browsing: Browsing, official_account: str, tmp_path: Path
) -> None:
    browsing.expect_visit_to(official_account)
    await hold_phone(official_account, "oSNAPSHOT-1", snapshot=True)

    phone = await come_from_wechat(browsing, place)

    told = phone.get_by_test_id("sign-in-error")
    await expect(told).to_contain_text("快照页不能登录")
    await expect(told).to_contain_text("使用完整服务")
    await check(phone, "a snapshot user")
    await phone.screenshot(path=tmp_path / "wechat-snapshot-360.png")
    await hold_phone(official_account, OPENID)
    await phone.get_by_test_id("wechat").tap()  # the full service: the same page lets them in
    await expect(phone.get_by_test_id("sign-in-error")).to_have_count(0)
