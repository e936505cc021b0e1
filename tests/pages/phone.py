"""What an account manager does on the phone page."""

from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw
from playwright.async_api import FilePayload, Page, expect

#: Resolves to the browser's clock when the toast says that this enterprise's visit is saved.
_WHEN_SAVED = """name => {
  window.savedAt = new Promise(done => {
    const look = () => {
      const toast = document.querySelector('[data-testid=toast]')
      if (!toast || !toast.textContent.includes(name)) return
      if (!/已保存/.test(toast.textContent)) return
      watcher.disconnect()
      done([Date.now(), toast.textContent])
    }
    const watcher = new MutationObserver(look)
    watcher.observe(document.body, { childList: true, subtree: true, characterData: true })
  })
}"""


async def activate(page: Page, url: str, username: str, code: str, password: str) -> None:
    """Set a password with the code; ends on the list."""
    await page.goto(f"{url}/m/")
    await page.get_by_test_id("mode-activate").tap()
    await page.get_by_test_id("username").fill(username)
    await page.get_by_test_id("activation-code").fill(code)
    await page.get_by_test_id("password").fill(password)
    await page.get_by_test_id("password-again").fill(password)
    await page.get_by_test_id("submit-sign-in").tap()
    await expect(page.get_by_test_id("cards")).to_be_visible()


def a_photo(number: int) -> FilePayload:
    """A picture as a phone takes it: larger than what is sent."""
    image = Image.new("RGB", (2000, 1500), (120 + number % 100, 140, 160))
    draw = ImageDraw.Draw(image)
    draw.rectangle((300, 500, 1700, 1400), fill=(190, 180, 170))
    draw.rectangle((880, 900, 1120, 1400), fill=(90, 80, 70))
    draw.text((700, 560), f"DEMO {number}", fill=(30, 30, 30), font_size=120)
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return {"name": f"{number}.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()}


async def open_form(page: Page, enterprise_id: str) -> str:
    """From the list by the card to the form; the enterprise's name."""
    await page.locator(f'[data-testid=task][data-enterprise="{enterprise_id}"]').tap()
    name = await page.get_by_test_id("enterprise-name").inner_text()
    await page.get_by_test_id("record-visit").tap()
    await expect(page.get_by_test_id("visit-form")).to_be_visible()
    return name


async def fill_form(page: Page, *, photo: int | None = None) -> None:
    """The interviewee, and a photo that is already uploaded when this returns."""
    await page.get_by_test_id("interviewee-name").fill("样例受访人")
    if photo is not None:
        await page.get_by_test_id("photo-album").set_input_files(a_photo(photo))
        await expect(page.get_by_test_id("photos").locator("li[data-uploaded=true]")).to_have_count(
            1
        )


async def save(page: Page, name: str) -> tuple[dict[str, Any], float, str]:
    """Save: the service's answer, when the page said so (ms of the browser's clock), its words."""
    await page.evaluate(_WHEN_SAVED, name)
    async with page.expect_response(
        lambda answer: answer.request.method == "POST" and answer.url.endswith("/visits/v1/visits")
    ) as waiting:
        await page.get_by_test_id("save-visit").tap()
    answer = await (await waiting.value).json()
    at_ms, words = await page.evaluate("window.savedAt")
    return answer, float(at_ms), str(words)


async def due_on_phone(page: Page) -> list[str]:
    """Ids of the enterprises on the list's first page that are still to be visited."""
    cards = page.locator("[data-testid=task][data-state=due]")
    return [await card.get_attribute("data-enterprise") or "" for card in await cards.all()]
