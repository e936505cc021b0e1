"""What a regulator does on the board."""

from playwright.async_api import Page, expect

from tests.pages.browsing import sign_in

#: Resolves to the browser's clock when a cell of the board shows something else than now.
_WHEN_MOVED = """selector => {
  const text = () => document.querySelector(selector)?.textContent.trim() ?? ''
  const before = text()
  window.movedAt = new Promise(done => {
    const watcher = new MutationObserver(() => {
      if (!text() || text() === before) return
      watcher.disconnect()
      done(Date.now())
    })
    watcher.observe(document.body, { childList: true, subtree: true, characterData: true })
  })
}"""


async def open_board(page: Page, url: str, username: str, password: str, query: str = "") -> None:
    """Sign in; ends when the figures stand."""
    await sign_in(page, f"{url}/{query}", username, password)
    await expect(page.get_by_test_id("kpis").locator("a").first).to_be_visible()
    await expect(page.get_by_test_id("total-row")).to_be_visible()


def cell(row: str, column: str) -> str:
    """Where a number stands."""
    return f"[data-testid='{row}'] [data-column={column}]"


async def number(page: Page, row: str, column: str) -> int:
    """A count as shown."""
    return int((await page.locator(cell(row, column)).inner_text()).replace(",", ""))


async def column(page: Page, name: str) -> dict[str, str]:
    """What the rows show in a column, without the total."""
    rows = page.locator("tbody tr[data-testid]")
    found: dict[str, str] = {}
    for row in await rows.all():
        head = await row.locator("th").inner_text()
        found[head.strip()] = await row.locator(f"[data-column={name}]").inner_text()
    return found


async def watch(page: Page, row: str, name: str) -> None:
    """From now on look for a change of a cell."""
    await page.evaluate(_WHEN_MOVED, cell(row, name))


async def moved_at_ms(page: Page) -> float:
    """When it changed (the browser's clock)."""
    return float(await page.evaluate("window.movedAt"))


async def names_in_drawer(page: Page) -> list[str]:
    """The enterprises that the open drawer lists."""
    drawer = page.get_by_test_id("drawer")
    await expect(drawer.get_by_test_id("drawer-sum")).to_be_visible()
    await expect(drawer.get_by_text("（名称待取得）")).to_have_count(0)
    return await drawer.locator("[data-testid=drawer-enterprise] .name").all_inner_texts()
