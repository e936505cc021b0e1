"""The console beside the board: accounts and approvals, by two people; and what a browser must not run."""

import asyncio
import csv
import json
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.async_api import Page, expect

from benchmarks.campaign.api import Api, Caller
from tests.pages.browsing import ON_LOG, Browsing, overflow, saved, sign_in
from tests.pages.campaign import Made
from tests.pages.test_access import check

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), ON_LOG]
PASSWORD = "Kongzhitai-2022-duo"


async def regulator(place: Made, api: Api, name: str) -> Caller:
    """Another person at the province's regulator."""
    row = {"username": name, "role": "province_regulator", "password": PASSWORD}
    await api.post(place.admin, "/identity/v1/accounts:batch", {"rows": [row]})
    return Caller(name, "province_regulator", PASSWORD)


async def opened(browsing: Browsing, place: Made, who: Caller, section: str) -> Page:
    screen = await browsing.desk()
    await sign_in(screen, f"{place.url}/", who.name, who.password)
    await screen.get_by_test_id(f"section-{section}").click()
    await expect(screen.get_by_test_id(section)).to_be_visible()
    return screen


async def test_a_bank_opens_disables_and_resets_its_people(place: Made, browsing: Browsing) -> None:
    screen = await opened(browsing, place, place.head, "accounts")
    screen.on("dialog", lambda dialog: dialog.accept())
    rows = screen.get_by_test_id("account")
    await expect(rows.first).to_be_visible()
    await check(screen, "accounts")
    name = f"guihua-{uuid4().hex[:6]}"
    await screen.get_by_test_id("open-account").click()
    await screen.get_by_test_id("new-username").fill(name)
    await screen.get_by_test_id("new-role").select_option("relationship_manager")
    await screen.get_by_test_id("new-outlet").fill(str(uuid4()))
    await screen.get_by_test_id("new-staff").fill(str(uuid4()))
    await screen.get_by_test_id("new-save").click()
    await expect(screen.get_by_test_id("handed")).to_contain_text(f"{name} 的激活码")
    await screen.get_by_test_id("account-search").fill(name)
    await expect(rows).to_have_count(1)
    await rows.first.get_by_test_id("account-bind").click()
    await expect(screen.get_by_test_id("handed")).to_contain_text("微信绑定码")
    await rows.first.get_by_test_id("account-reset").click()
    await expect(screen.get_by_test_id("handed")).to_contain_text("激活码")
    await rows.first.get_by_test_id("account-toggle").click()
    await expect(rows.first).to_contain_text("已停用")
    await check(screen, "accounts after")
    await screen.set_viewport_size({"width": 360, "height": 740})
    await check(screen, "accounts on a phone")


async def test_what_one_asks_for_another_agrees_to(
    place: Made, api: Api, browsing: Browsing
) -> None:
    second = await regulator(place, api, f"fuhe-{uuid4().hex[:6]}")
    wish = {
        "action": "campaign.close",
        "subject": place.campaign_id,
        "summary": "活动结束",
        "payload": {"closes_on": "2022-12-31", "reason": "按计划结束"},
    }
    await api.post(place.regulator, "/identity/v1/approvals", wish)
    own = await opened(browsing, place, place.regulator, "approvals")
    await expect(own.get_by_test_id("approval-own")).to_be_visible()
    await expect(own.get_by_test_id("approval-approve")).to_have_count(0)
    await api.post(place.regulator, "/identity/v1/approvals", wish | {"summary": "误提"})
    await own.reload()
    mistaken = own.get_by_test_id("approval").filter(has_text="误提")
    await mistaken.get_by_test_id("approval-withdraw").click()
    await expect(mistaken).to_have_count(0)
    await own.get_by_test_id("approvals-withdrawn").click()
    await expect(mistaken).to_contain_text("已撤回")
    other = await opened(browsing, place, second, "approvals")
    await expect(other.get_by_test_id("approval").first).to_contain_text("2022-12-31")
    await check(other, "approvals")
    await other.get_by_test_id("approval-reject").click()
    await expect(other.get_by_test_id("approval-fault")).to_contain_text("写明原因")
    await other.get_by_test_id("approval-reason").fill("已核对")
    await other.get_by_test_id("approval-approve").click()
    await expect(other.get_by_test_id("list-none")).to_be_visible()
    await other.get_by_test_id("approvals-approved").click()
    agreed = other.get_by_test_id("approval").filter(has_text="2022-12-31")
    await expect(agreed).to_contain_text("已核对")


XSS = [
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    '"><svg onload=window.pwned=1>',
    "'-window.pwned=1-'",
    "javascript:window.pwned=1",
    "{{constructor.constructor('window.pwned=1')()}}",
    "${window.pwned=1}",
    "<iframe srcdoc='<script>parent.pwned=1</script>'>",
    "<a href='javascript:window.pwned=1'>x</a>",
    "</textarea></title></style><script>window.pwned=1</script>",
    "<details open ontoggle=window.pwned=1>",
    "\u2028<math><mtext></table><mglyph><style><img src onerror=window.pwned=1>",
]


async def clean(page: Page, shown: list[str], where: str) -> None:
    """The texts stand there as texts; nothing of them ran or became an element."""
    await page.wait_for_timeout(300)
    text = await page.locator("body").inner_text()
    missing = [each for each in shown if each.replace("\u2028", "").split("<")[-1][:12] not in text]
    assert missing == [], where
    assert await page.evaluate("window.pwned") is None, where
    elements = "img[src=x], svg[onload], iframe, a[href^=javascript], details[ontoggle], mglyph"
    assert await page.locator(elements).count() == 0, where


async def test_S15_no_text_that_is_kept_runs_in_a_page(
    place: Made, api: Api, browsing: Browsing
) -> None:
    """Every text that people may enter and pages show: 0 of the corpus executed."""
    second = await regulator(place, api, f"xss-{uuid4().hex[:6]}")
    for text in XSS:
        wish = {
            "action": "campaign.close",
            "subject": str(uuid4()),
            "summary": text,
            "payload": {text: text, "reason": [text]},
        }
        made = await api.post(place.regulator, "/identity/v1/approvals", wish)
        decision = {"approved": False, "reason": text}
        await api.post(second, f"/identity/v1/approvals/{made['approval_id']}/decision", decision)
    browsing.expect_refusals()
    screen = await opened(browsing, place, second, "approvals")
    await screen.get_by_test_id("approvals-rejected").click()
    await expect(screen.get_by_test_id("approval").first).to_be_visible()
    await clean(screen, XSS, "approvals")
    # Texts of an answer that no honest service gives: names of enterprises, people, places.
    for word in ("q", "region", "actor", "action", "subject", "item", "view", "service"):
        for text in XSS[:6]:
            await screen.goto(f"{place.url}/?page=audit&{word}={text}")
            assert await screen.evaluate("window.pwned") is None, (word, text)
    print(f"{len(XSS)} texts in 4 fields and {8 * 6} addresses: 0 executed")


async def test_S15_names_from_the_services_are_shown_as_they_are(
    place: Made, browsing: Browsing
) -> None:
    """Whatever a service may say in any text field, the pages show it as a text."""
    screen = await browsing.desk()

    async def poisoned(route, request) -> None:  # type: ignore[no-untyped-def]
        answer = await route.fetch()
        try:
            body = json.loads(await answer.text())
        except ValueError:
            await route.fulfill(response=answer)
            return
        await route.fulfill(response=answer, body=json.dumps(_poison(body)))

    await screen.route("**/api/registry/**", poisoned)
    await screen.route("**/api/reporting/**", poisoned)
    await screen.route("**/api/allocation/**", poisoned)
    browsing.expect_refusals()
    who = place.regulator
    await sign_in(screen, f"{place.url}/?quarter=2022Q2", who.name, who.password)
    await expect(screen.get_by_test_id("total-row")).to_be_visible()
    await screen.get_by_test_id("kpi-coverage").locator("a").click()
    await expect(screen.get_by_test_id("drawer-enterprise").first).to_be_visible()
    await screen.get_by_test_id("drawer-enterprise").first.click()
    await screen.wait_for_timeout(500)
    assert await screen.evaluate("window.pwned") is None
    assert await screen.locator("img[src=x]").count() == 0
    assert "onerror" in await screen.locator("body").inner_text()


_TEXTS = {"name", "title", "institution_name", "address", "note", "notes", "summary"}


def _poison(value: object, key: str = "") -> object:
    if isinstance(value, dict):
        return {name: _poison(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_poison(each, key) for each in value]
    if isinstance(value, str) and key in _TEXTS:
        return value + XSS[1]
    return value


async def test_S20_the_audit_page_verifies_searches_and_exports(
    place: Made, api: Api, browsing: Browsing, tmp_path: Path
) -> None:
    """Up to where the chain holds, by whom; what is exported is what is found."""
    name = f"shenji-{uuid4().hex[:6]}"
    row = {"username": name, "role": "auditor", "password": PASSWORD}
    await api.post(place.admin, "/identity/v1/accounts:batch", {"rows": [row]})
    who = Caller(name, "auditor", PASSWORD)
    browsing.expect_refusals()  # the board is nothing for an auditor
    screen = await opened(browsing, place, who, "audit")
    state = screen.get_by_test_id("audit-state")
    await expect(state).to_have_attribute("data-fits", "")
    await screen.get_by_test_id("audit-verify").click()
    await expect(state).to_have_attribute("data-fits", "yes")
    await expect(state).to_contain_text("哈希链完整")
    own = (await api.get(who, "/identity/v1/me"))["account_id"]
    verified = screen.locator("[data-action='audit.verified']")
    await expect(verified.filter(has=screen.locator(f"[title='{own}']"))).to_have_count(1)
    await screen.reload()
    await expect(state).to_have_attribute("data-fits", "yes")

    await screen.get_by_test_id("audit-service").select_option("registry")
    await expect(state).to_have_attribute("data-fits", "")
    await screen.get_by_test_id("audit-service").select_option("identity")
    await screen.get_by_test_id("audit-action").fill("account.opened")
    lines = screen.get_by_test_id("audit-line")
    await expect(screen.locator("[data-action='audit.verified']")).to_have_count(0)
    await expect(lines.first).to_be_visible()
    asked = {"action": "account.opened", "limit": 500}
    wanted = (await api.get(who, "/identity/v1/audit", **asked))["items"]
    path = await saved(screen, "audit-export", tmp_path)
    kept = list(csv.reader(path.read_text("utf-8-sig").splitlines()))
    assert kept[0][:4] == ["时间", "操作", "名称", "操作人"]
    assert [one[1] for one in kept[1:]] == ["account.opened"] * len(wanted)
    assert [one[10] for one in kept[1:]] == [one["hash"] for one in wanted]
    for width in (1280, 360):
        await screen.set_viewport_size({"width": width, "height": 800})
        await check(screen, f"audit at {width}")
        assert await overflow(screen) <= 0
        await screen.screenshot(path=tmp_path / f"audit-{width}.png")


async def test_S20_a_tampered_trail_is_shown_red_with_its_first_bad_row(
    place: Made, browsing: Browsing, tmp_path: Path
) -> None:
    """What the service says of a bad row stands there in words; services are tested elsewhere."""
    screen = await browsing.desk(width=360, height=740)

    async def tampered(route, request) -> None:  # type: ignore[no-untyped-def]
        answer = await route.fetch()
        body = json.loads(await answer.text())
        first = {"org": "province_regulator", "n": 7, "what": "changed", "detail": "line 7"}
        await route.fulfill(response=answer, body=json.dumps(body | {"misfits": 1, "first": first}))

    await screen.route("**/audit/verification", tampered)
    await sign_in(screen, f"{place.url}/", place.regulator.name, place.regulator.password)
    await screen.get_by_test_id("section-audit").click()
    await screen.get_by_test_id("audit-verify").click()
    state = screen.get_by_test_id("audit-state")
    await expect(state).to_have_attribute("data-fits", "no")
    await expect(state).to_contain_text("第 7 条，内容被改动")
    await check(screen, "a tampered trail on a phone")
    await screen.screenshot(path=tmp_path / "audit-bad-360.png")


async def test_S20_a_long_trail_is_verified_part_by_part_and_the_page_says_how_far(
    place: Made, browsing: Browsing
) -> None:
    """The page goes on by itself until the service says that it is done."""
    screen = await browsing.desk(width=360, height=740)
    begun, asked, gate = str(uuid4()), list[str](), asyncio.Event()

    async def long(route, request) -> None:  # type: ignore[no-untyped-def]
        path, _, query = request.url.partition("?")
        asked.append(query)
        if len(asked) == 1:
            answer = await route.fetch()
            body = json.loads(await answer.text()) | {"next_cursor": begun, "lines": 5_000}
            await route.fulfill(response=answer, body=json.dumps(body))
            return
        await gate.wait()
        await route.fulfill(response=await route.fetch(url=path))

    await screen.route("**/audit/verification*", long)
    await sign_in(screen, f"{place.url}/", place.regulator.name, place.regulator.password)
    await screen.get_by_test_id("section-audit").click()
    button = screen.get_by_test_id("audit-verify")
    await button.click()
    progress = screen.get_by_test_id("audit-progress")
    await expect(progress).to_contain_text("已核验 5000 条")
    await expect(button).to_be_disabled()
    await check(screen, "a long verification on a phone")
    gate.set()
    await expect(screen.get_by_test_id("audit-state")).to_have_attribute("data-fits", "yes")
    await expect(progress).to_have_count(0)
    assert asked == ["", f"cursor={begun}"]


async def test_pictures_can_be_taken_of_every_section(
    place: Made, browsing: Browsing, tmp_path: Path
) -> None:
    """None is wider than the window, at 360 and at 1280 pixels."""
    browsing.expect_refusals()
    for section in ("accounts", "approvals", "audit"):
        screen = await opened(browsing, place, place.regulator, section)
        for width in (1280, 360):
            await screen.set_viewport_size({"width": width, "height": 800})
            await screen.wait_for_timeout(300)
            assert await overflow(screen) <= 0, (section, width)
            await screen.screenshot(path=tmp_path / f"{section}-{width}.png")
