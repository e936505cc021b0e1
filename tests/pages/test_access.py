"""Both pages at both widths: usable by keyboard and reader, readable, nothing out of the window."""

import json

import pytest
from playwright.async_api import Page, expect

from tests.pages import board, phone
from tests.pages.browsing import ON_LOG, Browsing, overflow, sign_in
from tests.pages.campaign import Made
from tests.pages.conftest import Manager

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), ON_LOG]

#: What is wrong with the page as it is: a control without a name, a picture without words, an id
#: twice, text of too little contrast (WCAG AA), a target too small to tap.
_FAULTS = """touch => {
  const faults = []
  const seen = node => {
    const box = node.getBoundingClientRect()
    const style = getComputedStyle(node)
    return box.width > 1 && box.height > 1 && style.visibility !== 'hidden' && !node.closest('[aria-hidden=true]')
  }
  const say = node => node.outerHTML.slice(0, 120)
  for (const node of document.querySelectorAll('input, select, textarea')) {
    const named = node.labels?.length || node.getAttribute('aria-label') || node.getAttribute('aria-labelledby')
    if (!named) faults.push('no label: ' + say(node))
  }
  for (const node of document.querySelectorAll('button, a[href]')) {
    if (seen(node) && !(node.textContent.trim() || node.getAttribute('aria-label'))) faults.push('no name: ' + say(node))
  }
  for (const node of document.querySelectorAll('img')) if (!node.alt) faults.push('no alt: ' + say(node))
  const ids = [...document.querySelectorAll('[id]')].map(node => node.id)
  for (const id of ids) if (ids.filter(each => each === id).length > 1) faults.push('id twice: ' + id)
  if (document.documentElement.lang !== 'zh-CN') faults.push('lang')
  if (!document.title) faults.push('no title')
  if (document.querySelectorAll('h1').length === 0) faults.push('no h1')
  const rgb = text => (text.match(/[\\d.]+/g) ?? []).map(Number)
  const light = ([r, g, b]) => {
    const part = value => { const s = value / 255; return s <= 0.03928 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4 }
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b)
  }
  const behind = node => {
    for (let at = node; at; at = at.parentElement) {
      const [r, g, b, a = 1] = rgb(getComputedStyle(at).backgroundColor)
      if (a > 0.5) return [r, g, b]
    }
    return [255, 255, 255]
  }
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const node = text.parentElement
    if (!text.data.trim() || !seen(node) || node.closest(':disabled, .unseen, .veil, .moved')) continue
    const style = getComputedStyle(node)
    const [one, two] = [light(rgb(style.color)), light(behind(node))].sort((a, b) => b - a)
    const size = parseFloat(style.fontSize)
    const enough = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5
    const ratio = (one + 0.05) / (two + 0.05)
    if (ratio < enough) faults.push(`contrast ${ratio.toFixed(2)}: ${text.data.trim().slice(0, 20)} ${say(node)}`)
  }
  if (touch) for (const node of document.querySelectorAll('button, a[href], select, input:not(.unseen)')) {
    const box = (node.closest('label') ?? node).getBoundingClientRect()
    if (seen(node) && (box.height < 40 || box.width < 40)) faults.push(`small ${box.width}x${box.height}: ` + say(node))
  }
  return [...new Set(faults)]
}"""


async def check(page: Page, where: str, *, touch: bool = False) -> None:
    """No fault on the page as it is now."""
    await page.wait_for_timeout(250)  # what slides in has come to rest
    faults = await page.evaluate(_FAULTS, touch)
    assert faults == [], where + "\n" + json.dumps(faults, ensure_ascii=False, indent=1)
    assert await overflow(page) <= 0, where


@pytest.mark.parametrize("width", [360, 1280])
async def test_the_board_is_accessible_in_every_view(
    place: Made, browsing: Browsing, width: int
) -> None:
    screen = await browsing.desk(width=width)
    await screen.goto(f"{place.url}/")
    await expect(screen.get_by_test_id("sign-in")).to_be_visible()
    await check(screen, "sign-in")
    who = place.regulator
    await board.open_board(screen, place.url, who.name, who.password, "?quarter=2022Q2")
    await check(screen, "regions")
    await screen.get_by_test_id("kpi-coverage").locator("a").click()
    await board.names_in_drawer(screen)
    await screen.get_by_test_id("drawer-enterprise").first.click()
    await expect(screen.get_by_test_id("drawer-event").first).to_be_visible()
    await check(screen, "drawer")
    await screen.keyboard.press("Escape")
    await expect(screen.get_by_test_id("drawer")).to_have_count(0)
    await screen.get_by_test_id("tile-320500").click()
    await expect(screen.get_by_test_id("row-320505")).to_be_visible()
    await check(screen, "counties")
    await screen.get_by_test_id("view-institution").click()
    await expect(screen.get_by_test_id("institution-table")).to_be_visible()
    await check(screen, "institutions")
    await screen.get_by_test_id("view-bulletins").click()
    await expect(screen.get_by_test_id("bulletin")).to_be_visible()
    await check(screen, "bulletins")


async def test_the_phone_page_is_accessible_in_every_view(
    place: Made, manager: Manager, browsing: Browsing
) -> None:
    hand = await browsing.phone()
    await hand.goto(f"{place.url}/m/")
    await hand.get_by_test_id("mode-activate").tap()
    await check(hand, "activation", touch=True)
    await sign_in(hand, f"{place.url}/m/", manager.caller.name, manager.caller.password)
    await expect(hand.get_by_test_id("cards")).to_be_visible()
    await check(hand, "list", touch=True)
    first = (await phone.due_on_phone(hand))[0]
    await hand.locator(f'[data-enterprise="{first}"]').tap()
    await expect(hand.get_by_test_id("record-visit")).to_be_visible()
    await check(hand, "card", touch=True)
    await hand.get_by_test_id("record-visit").tap()
    await expect(hand.get_by_test_id("visit-form")).to_be_visible()
    await hand.get_by_test_id("has-need").check()
    await hand.get_by_test_id("save-visit").tap()
    await expect(hand.get_by_text("请填写受访人姓名")).to_be_visible()
    await phone.fill_form(hand, photo=80)
    await check(hand, "form", touch=True)
