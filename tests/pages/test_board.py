"""The regulator's board: every view against the figures that the API gives."""

import csv
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from python_calamine import CalamineWorkbook

from benchmarks.campaign.api import Api, Json
from shared.kernel.money import wan
from tests.pages import board
from tests.pages.browsing import ON_LOG, Browsing, saved
from tests.pages.campaign import BULLETIN_ON, Made

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), ON_LOG]
CITY = "320500"
#: Before the visits of spring were recorded, and after the loans of old.
EARLIER = "2022-06-15"
COUNTS = {
    "due": "listed",
    "visited": "visited",
    "matched": "matched",
    "lines_n": "lines_n",
    "granted_n": "granted_n",
    "borrowers": "borrowers",
}
AMOUNTS = {"lines": "lines_fen", "granted": "granted_fen", "balance": "balance_fen"}
OF_INSTITUTIONS = {"due": "assigned", "visited": "covered"}


@pytest.fixture
async def screen(place: Made, browsing: Browsing) -> Page:
    page = await browsing.desk()
    await board.open_board(page, place.url, place.regulator.name, place.regulator.password)
    return page


async def figures(api: Api, place: Made, **asked: str) -> Json:
    asked = {"campaign_id": place.campaign_id, **asked}
    return await api.get(place.regulator, "/reporting/v1/figures", **asked)


async def shown_as(page: Page, answer: Json, *, institutions: bool = False) -> None:
    """Every cell of the table is what the API says."""
    codes = COUNTS | AMOUNTS | (OF_INSTITUTIONS if institutions else {})
    for column, code in codes.items():
        say = wan if column in AMOUNTS else str
        should = {row["name"]: say(row["metrics"][code]) for row in answer["rows"]}
        found = await board.column(page, column)
        assert {name: text.replace(",", "") for name, text in found.items()} == should, column


async def test_by_region_a_city_opens_to_its_counties_and_back(
    place: Made, screen: Page, api: Api
) -> None:
    await shown_as(screen, await figures(api, place, quarter="2022Q3"))
    await screen.get_by_test_id(f"tile-{CITY}").click()
    await expect(screen.get_by_test_id("tag-region")).to_contain_text("苏州市")
    await expect(screen.get_by_test_id("row-320505")).to_be_visible()
    counties = await figures(api, place, quarter="2022Q3", level="county", region=CITY)
    assert all(row["region_code"].startswith(CITY[:4]) for row in counties["rows"])
    await shown_as(screen, counties)
    await screen.go_back()
    await expect(screen.get_by_test_id(f"row-{CITY}")).to_be_visible()


async def test_by_institution_and_by_quarter(place: Made, screen: Page, api: Api) -> None:
    await screen.get_by_test_id("quarter").select_option("2022Q2")
    await expect(screen.get_by_test_id("kpi-lines")).not_to_contain_text("0 笔")
    await shown_as(screen, await figures(api, place, quarter="2022Q2"))
    await screen.get_by_test_id("view-institution").click()
    await expect(screen.get_by_test_id("institution-table")).to_be_visible()
    answer = await figures(api, place, quarter="2022Q2", by="institution")
    assert len(answer["rows"]) > 1
    await shown_as(screen, answer, institutions=True)


async def test_ST_05_a_day_of_the_past_gives_the_figures_as_they_were_known_then(
    place: Made, screen: Page, api: Api
) -> None:
    then = await figures(api, place, quarter="2022Q2", known_on=EARLIER)
    now = await figures(api, place, quarter="2022Q2")
    assert then["total"]["visited"] < now["total"]["visited"]
    await screen.get_by_test_id("quarter").select_option("2022Q2")
    whole = screen.locator(board.cell("total-row", "visited"))
    await expect(whole).to_have_text(str(now["total"]["visited"]))
    await screen.get_by_test_id("known-on").fill(EARLIER)
    await screen.get_by_test_id("known-on").dispatch_event("change")
    await expect(whole).to_have_text(str(then["total"]["visited"]))
    await expect(screen.get_by_test_id("status")).to_contain_text("6月15日")
    await shown_as(screen, then)
    await screen.get_by_test_id("tag-known-on").click()
    await expect(whole).to_have_text(str(now["total"]["visited"]))


async def test_the_table_is_exported_as_it_is_seen(
    place: Made, screen: Page, api: Api, tmp_path: Path
) -> None:
    await screen.get_by_test_id("quarter").select_option("2022Q2")
    answer = await figures(api, place, quarter="2022Q2")
    total = screen.locator(board.cell("total-row", "lines"))
    await expect(total).to_have_text(f"{float(wan(answer['total']['lines_fen'])):,.2f}")
    path = await saved(screen, "export-csv", tmp_path)
    assert path.name == "按地区-全省-2022Q2.csv"
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")  # or Excel would garble the Chinese
    head, *lines = list(csv.reader(path.read_text("utf-8-sig").splitlines()))
    assert head[0] == "地区"
    at = head.index("授信金额(万元)")
    found = {line[0]: line[at] for line in lines}
    should = {row["name"]: wan(row["metrics"]["lines_fen"]) for row in answer["rows"]}
    assert found == should | {"全省合计": wan(answer["total"]["lines_fen"])}


async def test_the_bulletin_downloads_as_a_workbook_with_the_same_figures(
    place: Made, screen: Page, api: Api, tmp_path: Path
) -> None:
    await screen.get_by_test_id("view-bulletins").click()
    await expect(screen.get_by_test_id("bulletin")).to_contain_text("2022年二季度通报")
    path = await saved(screen, "bulletin-file", tmp_path)
    assert path.name == "通报-2022Q2-第1版.xlsx"
    sheet = CalamineWorkbook.from_path(str(path)).get_sheet_by_name("按地区").to_python()
    answer = await figures(api, place, quarter="2022Q2", known_on=BULLETIN_ON.isoformat())
    told = await api.ask(place.regulator, "GET", "/reporting/v1/figures/definitions")
    codes: dict[str, str] = {item["name"]: item["code"] for item in told.json()}
    head = [str(name) for name in sheet[2]]
    printed = {str(line[0]): dict(zip(head[1:], line[1:], strict=True)) for line in sheet[3:]}
    lines = {row["name"]: row["metrics"] for row in answer["rows"]} | {"合计": answer["total"]}
    for name, metrics in lines.items():
        for title, code in codes.items():
            should = float(wan(metrics[code])) if "fen" in code else metrics[code]
            assert printed[name][title] == should, (name, title)
