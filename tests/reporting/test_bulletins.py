"""Bulletins: frozen editions, word for word, with their fingerprint (ST-06, JS-22)."""

from __future__ import annotations

import hashlib
import json
from io import BytesIO
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from python_calamine import CalamineWorkbook

from shared.kernel.money import wan
from shared.kernel.periods import Quarter
from tests.reporting import oracle
from tests.reporting.histories import World, listed
from tests.reporting.test_service import (
    a_drawdown,
    a_fed_world,
    feed,
    get,
    right_table,
)  # fmt: skip
from tests.support.stack import Stack


async def publish(stack: Stack, world: World, **more: Any) -> Any:
    """Publish the third quarter's bulletin; 201 or fail."""
    answer = await try_to_publish(stack, world, **more)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def try_to_publish(
    stack: Stack, world: World, *, role: Any = "province_regulator", **more: Any
) -> Any:
    """Ask for the third quarter's bulletin."""
    body = {"campaign_id": str(world.campaigns[0]), "quarter": "2022Q3"} | more
    return await stack.caller("reporting", role).post("/bulletins", json=body)


async def test_JS_22_a_bulletin_holds_what_the_oracle_counts_by_region_and_institution(
    stack: Stack,
) -> None:
    world = await a_fed_world(stack, 31)
    known = world.teller.told[-1].known_at
    quarter = Quarter(2022, 3)
    question = oracle.Question(world.campaigns[0], quarter.first_on, quarter.last_on, known)
    right = oracle.figures(world.teller.told, question)
    head = await publish(stack, world)
    content = (await get(stack, f"/bulletins/{head['bulletin_id']}"))["content"]

    assert content["total"]["metrics"] == right_table(right, institution=None)
    assert len(content["by_region_and_institution"]) > 5
    for line in content["by_region"]:
        region = line["region_code"][:4]
        assert line["metrics"] == right_table(right, institution=None, region=region)
        assert line["wan"]["lines_fen"] == wan(line["metrics"]["lines_fen"])
    for line in content["by_institution"]:
        bank = UUID(line["institution_id"])
        assert line["metrics"] == right_table(right, institution=bank)
    for line in content["by_region_and_institution"]:
        bank, region = UUID(line["institution_id"]), line["region_code"][:4]
        assert line["metrics"] == right_table(right, institution=bank, region=region)


async def test_ST_06_an_edition_stays_word_for_word_and_the_next_one_says_what_changed(
    stack: Stack,
) -> None:
    world = await a_fed_world(stack, 32)
    first = await publish(stack, world)
    before = await get(stack, f"/bulletins/{first['bulletin_id']}")
    outlet = world.outlets[0]
    borrower = world.enterprises[0]
    late = a_drawdown(borrower, outlet.institution_id, outlet.outlet_id, UUID(int=5), 123_456_00)
    await feed(stack, [world.teller.tell(listed(world, borrower)), world.teller.tell(late)])
    unexplained = await try_to_publish(stack, world)
    second = await publish(stack, world, reason="补录一笔放款")
    after = await get(stack, f"/bulletins/{first['bulletin_id']}")
    content = (await get(stack, f"/bulletins/{second['bulletin_id']}"))["content"]
    found = [
        change
        for change in content["changes"]
        if (change["place"], change["metric"]) == ("total", "granted_fen")
    ]

    assert before == after
    assert unexplained.status_code == 422
    assert unexplained.json()["code"] == "bulletin.reason_missing"
    assert (first["edition"], second["edition"]) == (1, 2)
    assert content["reason"] == "补录一笔放款"
    assert content["previous_sha256"] == first["sha256"]
    assert [change["is"] - change["was"] for change in found] == [123_456_00]


async def test_ST_06_the_fingerprint_is_that_of_the_canonical_bytes(stack: Stack) -> None:
    world = await a_fed_world(stack, 33)
    head = await publish(stack, world)
    content = (await get(stack, f"/bulletins/{head['bulletin_id']}"))["content"]
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"

    assert hashlib.sha256(text.encode()).hexdigest() == head["sha256"]


async def test_ST_06_the_same_cut_off_gives_the_same_lines_whatever_came_later(
    stack: Stack,
) -> None:
    world = await a_fed_world(stack, 34)
    known_at = world.teller.told[-1].known_at.isoformat()
    first = await publish(stack, world, known_at=known_at)
    outlet = world.outlets[0]
    await feed(
        stack,
        [
            world.teller.tell(
                a_drawdown(enterprise, outlet.institution_id, outlet.outlet_id, UUID(int=at + 9)),
                hours=1,
            )
            for at, enterprise in enumerate(world.enterprises)
        ],
    )
    again = await publish(stack, world, known_at=known_at, reason="复核")
    contents = [
        (await get(stack, f"/bulletins/{each['bulletin_id']}"))["content"]
        for each in (first, again)
    ]

    for section in ("by_region", "by_institution", "by_region_and_institution", "total"):
        assert contents[0][section] == contents[1][section]
    assert contents[1]["changes"] == []


@pytest.mark.parametrize("statement", ["update bulletin set sha256 = ''", "delete from bulletin"])
async def test_ST_06_the_database_refuses_to_change_an_edition(
    stack: Stack, statement: str
) -> None:
    world = await a_fed_world(stack, 35, events=20)
    await publish(stack, world)
    with pytest.raises(asyncpg.RaiseError, match="ST-06"):
        async with stack.database("reporting").transaction() as tx:
            await (await tx.driver()).execute(statement)


async def test_a_bulletin_is_announced_once_however_often_it_is_asked_for(stack: Stack) -> None:
    world = await a_fed_world(stack, 36, events=20)
    body = {"campaign_id": str(world.campaigns[0]), "quarter": "2022Q3"}
    regulator = stack.caller("reporting", "province_regulator", account_id=UUID(int=1))
    first = await regulator.post("/bulletins", json=body, key="one-and-the-same")
    again = await regulator.post("/bulletins", json=body, key="one-and-the-same")
    emitted = await stack.rows("reporting", "select type from outbox")

    assert first.json() == again.json()
    assert [row["type"] for row in emitted] == ["BulletinPublished.v1"]


async def test_only_the_provinces_regulator_publishes_and_no_bank_reads(stack: Stack) -> None:
    world = await a_fed_world(stack, 37, events=20)
    head = await publish(stack, world)
    bureau = stack.caller("reporting", "bureau", region_code="320500")
    bank = stack.caller("reporting", "bank_head", institution_id=world.outlets[0].institution_id)
    refused = await try_to_publish(stack, world, role="bureau")

    assert refused.status_code == 403
    assert (await bureau.get(f"/bulletins/{head['bulletin_id']}")).status_code == 200
    assert (await bank.get(f"/bulletins/{head['bulletin_id']}")).status_code == 403
    assert (await bank.get("/bulletins")).status_code == 403


async def test_editions_are_listed_newest_first_in_pages(stack: Stack) -> None:
    world = await a_fed_world(stack, 38, events=20)
    made = [await publish(stack, world, reason=f"第{at}次") for at in range(3)]
    first = await get(stack, "/bulletins", campaign_id=str(world.campaigns[0]), limit=2)
    rest = await get(stack, "/bulletins", limit=2, cursor=first["next_cursor"])
    listed_ids = [item["bulletin_id"] for item in [*first["items"], *rest["items"]]]

    assert listed_ids == [each["bulletin_id"] for each in reversed(made)]
    assert rest["next_cursor"] is None


async def test_a_cut_off_after_the_newest_fact_is_refused(stack: Stack) -> None:
    world = await a_fed_world(stack, 39, events=20)
    answer = await try_to_publish(stack, world, known_at="2030-01-01T00:00:00+08:00")

    assert answer.status_code == 422
    assert answer.json()["code"] == "bulletin.cut_off_ahead"


async def test_ST_08_the_workbook_shows_the_frozen_numbers_in_wan(stack: Stack) -> None:
    world = await a_fed_world(stack, 40)
    head = await publish(stack, world)
    path = f"/bulletins/{head['bulletin_id']}"
    content = (await get(stack, path))["content"]
    regulator = stack.caller("reporting", "province_regulator")
    first = await regulator.get(f"{path}/file.xlsx")
    again = await regulator.get(f"{path}/file.xlsx")
    book = CalamineWorkbook.from_filelike(BytesIO(first.content))
    rows = book.get_sheet_by_name("按地区").to_python()
    heads = [definition["name"] for definition in content["definitions"]]

    assert first.content == again.content
    assert "attachment" in first.headers["content-disposition"]
    assert book.sheet_names == ["按地区", "按机构", "按地区和机构"]
    assert rows[2][1:] == heads
    for row, line in zip(rows[3:], content["by_region"], strict=False):
        assert row[0] == line["region_name"]
        column = 1 + heads.index("累计授信金额")
        assert f"{row[column]:.2f}" == line["wan"]["lines_fen_total"]
    total = rows[3 + len(content["by_region"])]
    assert total[0] == "合计"
    assert total[1] == content["total"]["metrics"]["listed"]
