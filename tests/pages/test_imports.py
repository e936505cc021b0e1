"""R1, R2 on a screen: a clerk checks a list, corrects its columns, takes it, and settles what was in doubt."""

from pathlib import Path

import pytest
from playwright.async_api import FilePayload, Page, expect
from python_calamine import CalamineWorkbook

from tests.pages.browsing import ON_LOG, Browsing, saved, sign_in
from tests.pages.campaign import Made
from tests.pages.test_access import check
from tests.registry.sheets import firm, lines_of, uscc, xlsx

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), ON_LOG]
DAY = "2022-07-10"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def payload(content: bytes, name: str) -> FilePayload:
    """A file as it is chosen in a browser."""
    return FilePayload(name=name, mimeType=SHEET, buffer=content)


async def opened(browsing: Browsing, place: Made) -> Page:
    """The imports page, as a regulator has it."""
    screen = await browsing.desk()
    await sign_in(screen, f"{place.url}/", place.regulator.name, place.regulator.password)
    await screen.get_by_test_id("section-imports").click()
    await expect(screen.get_by_test_id("import-form")).to_be_visible()
    return screen


async def ended(screen: Page, state: str) -> None:
    """The open import is through."""
    result = screen.get_by_test_id("import-result")
    await expect(result).to_have_attribute("data-state", state, timeout=30_000)


async def test_R1_a_list_is_checked_corrected_and_taken_on_the_screen(
    place: Made, browsing: Browsing, tmp_path: Path
) -> None:
    wrong = uscc(903)[:-1] + ("A" if uscc(903)[-1] != "A" else "B")
    rows = [firm(901), firm(902, 经营地址="苏州市"), firm(903, 统一社会信用代码=wrong)]
    lines = lines_of(rows)
    lines[0][lines[0].index("企业名称")] = "字号"
    screen = await opened(browsing, place)
    await screen.get_by_test_id("import-day").fill(DAY)
    await screen.get_by_test_id("import-file").set_input_files(payload(xlsx(lines), "七月.xlsx"))
    await screen.get_by_test_id("import-check").click()
    await ended(screen, "failed")
    await expect(screen.get_by_test_id("import-error")).to_contain_text("企业名称")
    await check(screen, "a column is missing")
    await screen.locator('[data-header="字号"]').select_option("name")
    await screen.get_by_test_id("import-again").click()
    await ended(screen, "checked")
    sums = screen.get_by_test_id("import-sums")
    for told in ("行3", "新增1", "待确认1", "不导入1"):
        await expect(sums).to_contain_text(told)
    refused = screen.get_by_test_id("import-row")
    await expect(refused).to_have_count(1)
    await expect(refused).to_contain_text("校验位不符")
    await check(screen, "checked")
    await screen.get_by_test_id("rows-dropped").click()
    await expect(screen.get_by_test_id("import-dropped").first).to_be_visible()
    await screen.set_viewport_size({"width": 360, "height": 740})
    await check(screen, "checked, on a phone")
    await screen.set_viewport_size({"width": 1280, "height": 900})
    report = await saved(screen, "import-report", tmp_path)
    sheet = CalamineWorkbook.from_path(report).get_sheet_by_index(0)
    assert [row[:2] for row in sheet.to_python()[:2]] == [["结果", "原因"], ["新增", ""]]
    await screen.get_by_test_id("import-take").click()
    await ended(screen, "done")
    await expect(screen.get_by_test_id("import").first).to_contain_text("已导入")


async def test_R2_a_row_in_doubt_is_put_right_and_one_is_left_out_on_the_screen(
    place: Made, browsing: Browsing
) -> None:
    browsing.expect_refusals()
    lines = lines_of([firm(911, 经营地址="苏州市"), firm(912, 经营地址="苏州市")])
    screen = await opened(browsing, place)
    await screen.get_by_test_id("import-day").fill("2022-07-11")
    await screen.get_by_test_id("import-file").set_input_files(payload(xlsx(lines), "补充.xlsx"))
    await screen.get_by_test_id("import-check").click()
    await ended(screen, "checked")
    await screen.get_by_test_id("import-take").click()
    await ended(screen, "done")
    await screen.get_by_test_id("imports-doubtful").click()
    mine = [screen.get_by_test_id("doubtful").filter(has_text=uscc(n)) for n in (911, 912)]
    await mine[0].get_by_test_id("doubtful-open").click()
    await check(screen, "a row in doubt")
    await screen.get_by_test_id("decide-reason").fill("电话核实")
    await screen.get_by_test_id("decide-save").click()
    await expect(screen.get_by_test_id("doubtful-fault")).to_contain_text("仍不能导入")
    await screen.get_by_test_id("correct-business_address").fill("苏州市虎丘区样例路911号")
    await screen.get_by_test_id("decide-save").click()
    await expect(screen.get_by_test_id("doubtful-said")).to_contain_text("已导入")
    await expect(mine[0]).to_have_count(0)
    await mine[1].get_by_test_id("doubtful-open").click()
    await screen.set_viewport_size({"width": 360, "height": 740})
    await check(screen, "a row in doubt, on a phone")
    await screen.get_by_test_id("decide-refuse").click()
    await screen.get_by_test_id("decide-reason").fill("已注销")
    await screen.get_by_test_id("decide-save").click()
    await expect(screen.get_by_test_id("doubtful-said")).to_contain_text("不导入")
    await expect(mine[1]).to_have_count(0)
    await screen.get_by_test_id("doubtful-undo").click()
    await expect(mine[1]).to_be_visible()
    await expect(screen.get_by_test_id("doubtful-undo")).to_have_count(0)


async def test_R1_a_bank_brings_its_own_outlets_and_people_only(
    place: Made, browsing: Browsing
) -> None:
    screen = await browsing.desk()
    await sign_in(screen, f"{place.url}/", place.head.name, place.head.password)
    await screen.get_by_test_id("section-imports").click()
    kinds = screen.get_by_test_id("import-kind").locator("option")
    await expect(kinds).to_have_text(["银行网点", "走访人员"])
