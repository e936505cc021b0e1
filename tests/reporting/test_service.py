"""Reporting as a service: events in, figures out, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.reporting.consumers import CONSUMER, take_in
from services.reporting.domain.figures import METRICS
from services.reporting.store.deltas import ROLL_UP_ALL
from shared.contracts import allocation, credit, registry, visits
from shared.contracts.event import Event, Received, contract_of, decode, encode, numbered
from shared.kernel.periods import SHANGHAI, Quarter, end_of_day
from shared.platform.consumer import apply_records
from shared.platform.transports import Record
from tests.reporting import oracle
from tests.reporting.histories import (
    COUNTIES,
    OPENS,
    World,
    a_history,
    a_world,
    an_id,
    enrolled,
    listed,
)  # fmt: skip
from tests.support.stack import Stack

Q3 = Quarter(2022, 3)


def campaign_opened(campaign: UUID) -> allocation.CampaignOpened:
    """The campaign began."""
    return allocation.CampaignOpened(
        campaign_id=campaign, profile="jiangsu-2022", list_vintage="2021-12-31", opens_on=OPENS,
        visits_from=date(2022, 5, 1), visits_until=date(2022, 8, 31),
        contacts_due_on=date(2022, 4, 30), rotation_on=date(2022, 9, 5),
    )  # fmt: skip


def opened(world: World) -> None:
    """Say that the world's campaigns began and what its institutions are called."""
    for campaign in world.campaigns:
        world.teller.tell(campaign_opened(campaign), hours=0)
    for at, institution in enumerate(sorted({o.institution_id for o in world.outlets})):
        world.teller.tell(
            registry.InstitutionChanged(
                institution_id=institution, institution_code=f"B{at:03d}", name=f"第{at}银行",
                institution_type="city_commercial", active=True, valid_from=OPENS,
            ),
            hours=0,
        )  # fmt: skip


def as_record(received: Received) -> Record:
    """The record that a transport would deliver."""
    payload = encode(
        received.event, id=received.id, at=received.recorded_at, actor=received.actor,
        trace=received.traceparent,
    )  # fmt: skip
    payload = numbered(payload, received.seq)
    at_us = (received.known_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return Record(
        received.topic, received.part, received.off, received.off, at_us, received.key, payload
    )


async def feed(stack: Stack, events: Iterable[Received], *, size: int = 10_000) -> None:
    """Let the consumer take events in, in batches, through the platform's own door."""
    records = [as_record(received) for received in events if received.topic in CONSUMER.topics]
    for start in range(0, len(records), size):
        await apply_records(CONSUMER, stack.database("reporting"), records[start : start + size])


async def table_rows(stack: Stack, table: str) -> Counter[str]:
    """All rows of a table, as a multiset."""
    return Counter(r[0] for r in await stack.rows("reporting", f"select t::text from {table} t"))


async def all_rows(stack: Stack) -> dict[str, Counter[str]]:
    """The rows of every table that a rebuild makes again."""
    from services.reporting.store.tables import REBUILT

    return {table: await table_rows(stack, table) for table in REBUILT}


def right_table(
    found: oracle.Figures, *, institution: UUID | None, region: str = ""
) -> dict[str, int]:
    """All metrics of one cell from the oracle's figures."""
    numbers = dict.fromkeys((m.code for m in METRICS), 0)
    for (bank, outlet, county, metric), value in found.items():
        if bank == institution and outlet is None and county.startswith(region):
            numbers[metric] += value
    return numbers


async def get(stack: Stack, path: str, *, role: Any = "province_regulator", **params: Any) -> Any:
    """GET as a role; `place` gives the role's place in the tree."""
    place = params.pop("place", {})
    answer = await stack.caller("reporting", role, **place).get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def a_fed_world(stack: Stack, seed: int = 7, **kwargs: Any) -> World:
    """A history, taken in."""
    world = a_history(seed, **kwargs)
    opened(world)
    await feed(stack, world.teller.told)
    return world


# -- the tables --------------------------------------------------------------------------------------


async def test_ST_05_batches_of_any_size_leave_the_same_tables(stack: Stack) -> None:
    world = a_history(3, events=120)
    opened(world)
    found = []
    for size in (1, 7, 10_000):
        await stack.empty()
        await feed(stack, world.teller.told, size=size)
        found.append(await all_rows(stack))

    assert found[0] == found[1] == found[2]
    assert sum(found[0]["delta"].values()) > 100


async def test_ST_05_topics_that_overtake_each_other_leave_the_same_tables(stack: Stack) -> None:
    world = a_history(4, events=120)
    opened(world)
    await feed(stack, world.teller.told)
    in_order = await all_rows(stack)
    await stack.empty()
    by_topic = sorted(world.teller.told, key=lambda received: received.topic, reverse=True)
    await feed(stack, by_topic, size=40)

    assert await all_rows(stack) == in_order


async def test_workers_that_share_enterprises_at_one_time_leave_the_same_tables(
    stack: Stack,
) -> None:
    world = a_history(17, events=150)
    opened(world)
    await feed(stack, world.teller.told)
    alone = await all_rows(stack)
    await stack.empty()
    topics = [[r for r in world.teller.told if r.topic == topic] for topic in CONSUMER.topics]
    await asyncio.gather(*(feed(stack, events, size=15) for events in topics))

    assert await all_rows(stack) == alone


async def test_M4_an_amended_campaign_has_its_new_last_day(stack: Stack) -> None:
    world = a_history(6, events=20)
    opened(world)
    first = campaign_opened(world.campaigns[0])
    amended = allocation.CampaignAmended(
        campaign_id=first.campaign_id, number=1, profile=first.profile, profile_version=2,
        changed=("calendar",), visits_from=first.visits_from, visits_until=date(2022, 9, 30),
        contacts_due_on=first.contacts_due_on, rotation_on=date(2022, 10, 10),
        amended_on=date(2022, 8, 20), list_vintage=first.list_vintage, opens_on=first.opens_on,
    )  # fmt: skip
    world.teller.tell(amended, hours=0)
    await feed(stack, world.teller.told)
    rows = await stack.rows(
        "reporting", "select campaign, list_vintage, visits_until from campaign"
    )
    days = {row[0]: (row[1], row[2]) for row in rows}
    assert days.pop(first.campaign_id) == ("2021-12-31", date(2022, 9, 30))
    assert set(days.values()) <= {("2021-12-31", date(2022, 8, 31))}


async def test_the_roll_up_is_the_sum_of_the_signed_rows(stack: Stack) -> None:
    await a_fed_world(stack, 5)
    kept = await table_rows(stack, "delta_month")
    source = ROLL_UP_ALL.format(suffix="").split("select", 1)[1]
    summed = await stack.rows(
        "reporting",
        f"select (c, m, k, i, r, n, f)::text from (select {source}) as t (c, m, k, i, r, n, f)",
    )

    assert Counter(row[0] for row in summed) == kept
    assert kept


async def test_a_batch_taken_in_twice_changes_nothing(stack: Stack) -> None:
    world = await a_fed_world(stack, 6)
    before = await all_rows(stack)
    await feed(stack, world.teller.told)

    assert await all_rows(stack) == before


# -- the figures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
async def test_ST_01_ST_05_the_api_answers_what_the_oracle_counts(stack: Stack, seed: int) -> None:
    world = await a_fed_world(stack, seed)
    source, told = random.Random(seed), world.teller.told
    for turn in range(6):
        known = told[-1].known_at if turn == 0 else source.choice(told).known_at
        quarter, campaign = source.choice((Quarter(2022, 2), Q3)), source.choice(world.campaigns)
        question = oracle.Question(campaign, quarter.first_on, quarter.last_on, known)
        right = oracle.figures(told, question)
        asked = {"campaign_id": str(campaign), "quarter": str(quarter)}
        if turn:
            asked["known_at"] = known.isoformat()
        for level, digits in (("city", 4), ("county", 6)):
            table = await get(stack, "/figures", by="region", level=level, **asked)
            assert table["total"] == right_table(right, institution=None)
            for row in table["rows"]:
                region = row["region_code"][:digits]
                assert row["metrics"] == right_table(right, institution=None, region=region)
        table = await get(stack, "/figures", by="institution", **asked)
        assert table["total"] == right_table(right, institution=None)
        for row in table["rows"]:
            bank = UUID(row["institution_id"])
            assert row["metrics"] == right_table(right, institution=bank)
        table = await get(stack, "/figures", by="region,institution", **asked)
        for row in table["rows"]:
            bank, region = UUID(row["institution_id"]), row["region_code"][:4]
            assert row["metrics"] == right_table(right, institution=bank, region=region)


async def test_ST_01_an_enterprise_with_two_banks_is_one_in_the_region_and_in_the_total(
    stack: Stack,
) -> None:
    world, campaign = a_two_bank_world()
    await feed(stack, world.teller.told)
    asked = {"campaign_id": str(campaign), "quarter": "2022Q3"}
    regions = await get(stack, "/figures", by="region", **asked)
    banks = await get(stack, "/figures", by="institution", **asked)

    assert [row["metrics"]["borrowers"] for row in regions["rows"]] == [1]
    assert [row["metrics"]["borrowers"] for row in banks["rows"]] == [1, 1]
    assert banks["total"]["borrowers"] == 1
    assert banks["total"]["granted_n"] == 2
    assert any("去重" in note for note in banks["notes"])


def a_two_bank_world() -> tuple[World, UUID]:
    """One enterprise that borrows from two banks."""
    world = a_world(1, enterprises=1, institutions=2)
    opened(world)
    campaign, enterprise = world.campaigns[0], world.enterprises[0]
    tell = world.teller.tell
    tell(listed(world, enterprise))
    tell(enrolled(world, enterprise, campaign))
    for bank in {outlet.institution_id: outlet for outlet in world.outlets}.values():
        tell(a_drawdown(enterprise, bank.institution_id, bank.outlet_id, an_id(world.source)))
    return world, campaign


def a_drawdown(
    enterprise: UUID, institution: UUID, outlet: UUID, drawdown: UUID, fen: int = 100_000_00
) -> credit.LoanDrawn:
    """Money paid out in the third quarter."""
    return credit.LoanDrawn(
        drawdown_id=drawdown, loan_id=drawdown, enterprise_id=enterprise,
        institution_id=institution, outlet_id=outlet, region_code=COUNTIES[0], amount_fen=fen,
        new_money=True, drawn_on=date(2022, 7, 5),
    )  # fmt: skip


async def test_ST_05_known_on_gives_yesterdays_table_after_todays_corrections(stack: Stack) -> None:
    world, campaign = a_two_bank_world()
    enterprise, told = world.enterprises[0], world.teller.told
    drawn = next(r.event for r in told if isinstance(r.event, credit.LoanDrawn))
    bank = world.outlets[0]
    visit = visits.VisitLogged(
        visit_id=an_id(world.source), enterprise_id=enterprise, campaign_id=campaign,
        institution_id=bank.institution_id, outlet_id=bank.outlet_id, staff_ids=(),
        region_code=COUNTIES[0], remote=False, complete=True, missing=(), photos=1,
        told_campaign=True, visited_on=date(2022, 7, 1),
    )  # fmt: skip
    world.teller.tell(visit)
    yesterday = world.teller.at.astimezone(SHANGHAI).date()
    await feed(stack, told)
    asked = {"campaign_id": str(campaign), "quarter": "2022Q3", "by": "region,institution"}
    before = await get(stack, "/figures", **asked)
    world.teller.at = end_of_day(yesterday)
    corrections: list[Event] = [
        credit.LoanReversed(
            reversal_id=an_id(world.source), drawdown_id=drawn.drawdown_id, loan_id=drawn.loan_id,
            enterprise_id=enterprise, institution_id=drawn.institution_id,
            outlet_id=drawn.outlet_id, amount_fen=drawn.amount_fen, new_money=True,
            reversed_on=date(2022, 7, 6),
        ),
        visits.VisitVoided(
            visit_id=visit.visit_id, enterprise_id=enterprise, campaign_id=campaign,
            institution_id=bank.institution_id, reason="mistake", voided_on=date(2022, 7, 6),
        ),
        registry.EnterpriseChanged(
            enterprise_id=enterprise, region_code="320583", longitude_e6=0, latitude_e6=0,
            precision="point", industry_code=None, valid_from=date(2022, 7, 2),
        ),
    ]  # fmt: skip
    corrected = [world.teller.tell(event, hours=1) for event in corrections]
    await feed(stack, corrected)
    after = await get(stack, "/figures", **asked)
    as_it_was = await get(stack, "/figures", known_on=yesterday.isoformat(), **asked)

    assert as_it_was["rows"] == before["rows"]
    assert as_it_was["total"] == before["total"]
    assert before["total"]["visited"] == 1
    assert after["total"]["visited"] == 0
    assert after["total"]["granted_n"] == 1
    assert after["total"]["borrowers"] == 1
    assert {row["region_code"] for row in after["rows"] if row["metrics"]["borrowers"]} == {
        "320500"
    }


async def test_an_unchanged_answer_is_not_sent_again(stack: Stack) -> None:
    world = await a_fed_world(stack, 8)
    caller = stack.caller("reporting", "province_regulator")
    params = {"campaign_id": str(world.campaigns[0]), "quarter": "2022Q3"}
    first = await caller.get("/figures", params=params)
    again = await caller.get(
        "/figures", params=params, headers={"if-none-match": first.headers["etag"]}
    )
    new = world.teller.tell(listed(world, world.enterprises[0], "2022-12-31"), hours=1)
    await feed(stack, [new])
    changed = await caller.get(
        "/figures", params=params, headers={"if-none-match": first.headers["etag"]}
    )

    assert again.status_code == 304
    assert not again.content
    assert changed.status_code == 200
    assert first.json()["known_at"] != changed.json()["known_at"]


# -- who sees what -----------------------------------------------------------------------------------


async def test_S25_a_bank_sees_its_own_rows_only_and_what_is_anothers_does_not_exist(
    stack: Stack,
) -> None:
    world = await a_fed_world(stack, 9)
    mine, other = sorted({outlet.institution_id for outlet in world.outlets})[:2]
    asked = {"campaign_id": str(world.campaigns[0]), "quarter": "2022Q3"}
    everything = await get(stack, "/figures", by="institution", **asked)
    place = {"institution_id": mine}
    own = await get(stack, "/figures", role="bank_head", place=place, by="institution", **asked)
    banker = stack.caller("reporting", "bank_head", **place)
    refused = await banker.get("/figures", params={**asked, "institution_id": str(other)})
    nowhere = await stack.caller("reporting", "bank_head").get("/figures", params=asked)
    whole = {row["institution_id"]: row for row in everything["rows"]}

    assert own["rows"] == [whole[str(mine)]]
    assert own["total"] == whole[str(mine)]["metrics"]
    assert refused.status_code == nowhere.status_code == 404


async def test_a_bureau_sees_its_city_only(stack: Stack) -> None:
    world = await a_fed_world(stack, 10)
    asked = {"campaign_id": str(world.campaigns[0]), "quarter": "2022Q3", "level": "county"}
    place = {"region_code": "320500"}
    own = await get(stack, "/figures", role="bureau", place=place, **asked)
    everything = await get(stack, "/figures", region="320500", **asked)
    bureau = stack.caller("reporting", "bureau", **place)

    assert own["rows"] == everything["rows"]
    assert own["total"] == everything["total"]
    assert {row["region_code"][:4] for row in own["rows"]} == {"3205"}
    for elsewhere in ("320100", "320000", "320102"):
        answer = await bureau.get("/figures", params={**asked, "region": elsewhere})
        assert answer.status_code == 404


async def test_an_unknown_campaign_does_not_exist(stack: Stack) -> None:
    world = await a_fed_world(stack, 11)
    asked = {"campaign_id": str(world.enterprises[0]), "quarter": "2022Q3"}
    answer = await stack.caller("reporting", "province_regulator").get("/figures", params=asked)

    assert answer.status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"quarter": "2022-3"},
        {"by": "bank"},
        {"region": "3205"},
        {"known_on": "2022-10-01", "known_at": "2022-10-01T00:00:00+08:00"},
        {"known_at": "2022-10-01T00:00:00"},
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    stack: Stack, wrong: dict[str, str]
) -> None:
    asked = {"campaign_id": str(UUID(int=1)), "quarter": "2022Q3"} | wrong
    answer = await stack.caller("reporting", "province_regulator").get("/figures", params=asked)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


# -- the rows behind a number --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [12, 13])
async def test_ST_09_every_number_opens_to_enterprises_and_events_that_sum_to_it(
    stack: Stack, seed: int
) -> None:
    world = await a_fed_world(stack, seed)
    told = world.teller.told
    known_at = told[len(told) * 2 // 3].known_at
    assert await opened_numbers(stack, world, known_at=known_at.isoformat()) > 20


async def opened_numbers(stack: Stack, world: World, **asked: str) -> int:
    """Open numbers down to their events, which must sum to them; how many."""
    asked = {"campaign_id": str(world.campaigns[0]), "quarter": "2022Q2"} | asked
    table = await get(stack, "/figures", by="region,institution", **asked)
    total = {"region_code": None, "institution_id": None, "metrics": table["total"]}
    opened_cells = 0
    for row in [total, *table["rows"][:4]]:
        place = {"region": row["region_code"], "institution_id": row["institution_id"]}
        place = {key: value for key, value in place.items() if value}
        for metric in METRICS:
            number = row["metrics"][metric.code]
            cell = asked | place | {"metric": metric.code}
            behind = await get(stack, "/figures/enterprises", **cell)
            assert sum(item[metric.column] for item in behind["items"]) == number
            assert behind["total"][metric.column] == number
            assert behind["total"]["enterprises"] == len(behind["items"])
            if metric.distinct:
                assert [item["n"] for item in behind["items"]] == [1] * number
            for item in behind["items"][:2]:
                cause = {"enterprise_id": item["enterprise_id"]}
                events = await get(stack, "/figures/events", **cell, **cause)
                assert sum(e[metric.column] for e in events["items"]) == item[metric.column]
                opened_cells += 1
    return opened_cells


async def test_ST_09_an_event_behind_a_number_says_who_entered_it_and_when(stack: Stack) -> None:
    world, campaign = a_two_bank_world()
    await feed(stack, world.teller.told)
    asked = {"campaign_id": str(campaign), "quarter": "2022Q3", "metric": "granted_fen"}
    enterprise = {"enterprise_id": str(world.enterprises[0])}
    items = (await get(stack, "/figures/events", **asked, **enterprise))["items"]
    drawn = [r for r in world.teller.told if isinstance(r.event, credit.LoanDrawn)]

    assert [item["event_id"] for item in items] == [str(r.id) for r in drawn]
    assert [datetime.fromisoformat(item["known_at"]) for item in items] == [
        r.known_at for r in drawn
    ]
    assert [item["actor"] or "system" for item in items] == [r.actor for r in drawn]
    assert {item["type"] for item in items} == {"LoanDrawn.v1"}
    assert {item["business_on"] for item in items} == {"2022-07-05"}


async def test_pages_of_enterprises_cover_all_of_them_once(stack: Stack) -> None:
    world = await a_fed_world(stack, 14, enterprises=30)
    asked = {"campaign_id": str(world.campaigns[0]), "quarter": "2022Q3", "metric": "listed"}
    seen, cursor = [], None
    while True:
        page = await get(
            stack,
            "/figures/enterprises",
            **asked,
            limit=7,
            **({"cursor": cursor} if cursor else {}),
        )
        seen += [item["enterprise_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break

    assert len(seen) == len(set(seen)) == page["total"]["n"] > 14


async def test_JS_11_coverage_counts_who_is_due_and_who_was_visited(stack: Stack) -> None:
    world = await a_fed_world(stack, 15)
    await stack.set_clock("2022-12-31T12:00:00+08:00")
    campaign = world.campaigns[0]
    quarter = Quarter(2022, 4)
    question = oracle.Question(
        campaign, quarter.first_on, quarter.last_on, world.teller.told[-1].known_at
    )
    right = oracle.figures(world.teller.told, question)
    regions = await get(stack, "/coverage", campaign_id=str(campaign), by="region")
    banks = await get(stack, "/coverage", campaign_id=str(campaign), by="institution")
    total = right_table(right, institution=None)

    assert regions["total"]["due"] == total["listed"]
    assert regions["total"]["done"] == total["visited"]
    assert regions["total"]["open"] == total["listed"] - total["visited"]
    assert banks["total"]["due"] == total["assigned"]
    for row in banks["rows"]:
        cell = right_table(right, institution=UUID(row["institution_id"]))
        assert (row["due"], row["done"]) == (cell["assigned"], cell["covered"])


async def test_the_lag_is_told(stack: Stack) -> None:
    await a_fed_world(stack, 16)

    assert (await get(stack, "/lag"))["lag_ms"] > 0


def test_decoding_gives_the_told_event_back() -> None:
    received = a_history(1).teller.told[5]
    record = as_record(received)
    known_at = received.known_at
    again = decode(
        record.payload, topic=record.topic, part=record.part, off=record.off, known_at=known_at
    )

    assert again.event == received.event
    assert contract_of(again.event).topic in CONSUMER.topics
    assert CONSUMER.batch is take_in
