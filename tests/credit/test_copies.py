"""What credit learns by events: in any order of topics, once or many times."""

from dataclasses import replace
from datetime import date
from itertools import permutations
from uuid import uuid4

import msgspec

from services.credit.consumers import on_events
from shared.contracts.allocation import EnterpriseUnassigned
from shared.contracts.event import Event, Received
from shared.contracts.registry import EnterprisesMerged, EnterprisesUnmerged, OutletChanged
from shared.kernel.ids import derived_id
from tests.credit.world import (
    CAMPAIGN,
    KUNSHAN,
    NANJING,
    A,
    World,
    application,
    assigned,
    drawdown,
    enterprise_id,
    line,
    listed,
    loan,
    moved,
    reversal,
    uscc,
)
from tests.support.stack import Stack

STATE = """
select (select jsonb_agg(t order by t) from (select to_jsonb(i) t from institution i) x) as i,
  (select jsonb_agg(t order by t) from (select to_jsonb(o) t from outlet o) x) as o,
  (select jsonb_agg(t order by t) from (select to_jsonb(e) t from enterprise e) x) as e,
  (select jsonb_agg(t order by t) from (select to_jsonb(r) t from enterprise_region r) x) as r,
  (select jsonb_agg(t order by t) from (select to_jsonb(a) t from assignment a) x) as a
"""


def received(event: Event) -> Received:
    from datetime import UTC, datetime

    at = datetime(2022, 5, 1, tzinfo=UTC)
    return Received(event, uuid4(), "t", 0, 0, "k", 1, at, at, "system", "")


async def test_topics_may_arrive_in_any_order(stack: Stack) -> None:
    ended = EnterpriseUnassigned(
        assignment_id=assigned(1, A).assignment_id,
        enterprise_id=enterprise_id(1),
        campaign_id=CAMPAIGN,
        tier=2,
        institution_id=A.institution_id,
        reason="rotated",
        unassigned_on=date(2022, 9, 5),
    )
    streams = [
        [listed(1), moved(1, region=NANJING, on=date(2022, 7, 1))],
        list(A.events()),
        [assigned(1, A), ended],
    ]
    states = []
    for order in permutations(streams):
        await stack.empty()
        for stream in order:
            async with stack.database("credit").transaction() as tx:
                await on_events([received(event) for event in stream], tx)
        states.append(dict((await stack.rows("credit", STATE))[0]))
    assert all(state == states[0] for state in states)
    async with stack.database("credit").transaction() as tx:
        await on_events([received(event) for stream in streams for event in stream], tx)
    assert dict((await stack.rows("credit", STATE))[0]) == states[0]


async def test_ST_07_events_carry_the_county_of_their_own_day(world: World) -> None:
    await world.stack.publish(moved(1, region=NANJING, on=date(2022, 7, 1)))
    await world.stack.settle()
    await world.pushed(
        "lines", line(approved_on="2022-05-01"), line(external_id="L2", approved_on="2022-07-01")
    )
    await world.pushed("loans", loan(granted_on="2022-06-30"))
    await world.pushed(
        "drawdowns",
        drawdown(1, drawn_on="2022-06-30"),
        drawdown(2, loan_external_id="N1", drawn_on="2022-07-01"),
    )
    assert [e["region_code"] for e in await world.events("CreditLineApproved")] == [
        KUNSHAN,
        NANJING,
    ]
    assert [e["region_code"] for e in await world.events("LoanGranted")] == [KUNSHAN]
    assert [e["region_code"] for e in await world.events("LoanDrawn")] == [KUNSHAN, NANJING]


async def test_ST_07_a_flow_older_than_the_list_lies_where_the_enterprise_was_first_known(
    world: World,
) -> None:
    await world.pushed("lines", line(approved_on="2020-01-01", valid_from="2020-01-01"))
    [event] = await world.events("CreditLineApproved")
    assert event["region_code"] == KUNSHAN


async def test_an_enterprise_that_comes_later_is_known_on_the_next_push(world: World) -> None:
    row = loan(50)
    assert (await world.push("loans", row))[0]["errors"][0]["code"] == "enterprise.unknown"
    await world.stack.publish(listed(50))
    await world.stack.settle()
    await world.pushed("loans", row)


async def test_an_outlet_that_moved_to_another_bank_is_no_longer_the_banks(world: World) -> None:
    other = uuid4()
    change = next(e for e in A.events() if isinstance(e, OutletChanged))
    await world.stack.publish(msgspec.structs.replace(change, institution_id=other))
    await world.stack.settle()
    assert (await world.push("lines", line()))[0]["errors"][0]["code"] == "outlet.unknown"


async def test_JS_19_an_enterprise_rotated_away_is_off_the_list_from_that_day(world: World) -> None:
    await world.stack.publish(
        EnterpriseUnassigned(
            assignment_id=derived_id("assignment", 1, A.code),
            enterprise_id=enterprise_id(1),
            campaign_id=CAMPAIGN,
            tier=2,
            institution_id=A.institution_id,
            reason="rotated",
            unassigned_on=date(2022, 7, 1),
        )
    )
    await world.stack.settle()
    flags = {}
    for day in ("2022-04-19", "2022-04-20", "2022-06-30", "2022-07-01"):
        answer = await world.manager().post("/applications", json=application(filed_on=day))
        flags[day] = answer.json()["on_own_list"]
    assert flags == {
        "2022-04-19": False,
        "2022-04-20": True,
        "2022-06-30": True,
        "2022-07-01": False,
    }


async def test_ten_thousand_enterprises_are_taken_in_batches(stack: Stack) -> None:
    from time import perf_counter

    events = [received(listed(n)) for n in range(10_000)]
    began = perf_counter()
    for start in range(0, len(events), 600):
        async with stack.database("credit").transaction() as tx:
            await on_events(events[start : start + 600], tx)
    assert perf_counter() - began < 20
    assert (await stack.rows("credit", "select count(*) from enterprise"))[0]["count"] == 10_000


def test_the_world_of_these_tests_is_well_formed() -> None:
    from shared.kernel.uscc import check

    assert check(uscc(1)) == uscc(1)
    assert reversal()["drawdown_external_id"] == drawdown()["external_id"]
    assert replace(received(listed(1)), seq=2).seq == 2


async def test_R3_the_book_of_an_enterprise_shows_that_of_those_merged_into_it(
    world: World,
) -> None:
    await world.stack.publish(listed(50))
    await world.stack.settle()
    one, other, merger = enterprise_id(1), enterprise_id(50), uuid4()
    await world.pushed("lines", line())
    await world.pushed("loans", loan(50, external_id="N50", uscc=uscc(50)))

    async def loans() -> list[str]:
        found = await world.head().get("/loans", params={"enterprise_id": str(one)})
        return [loan["external_id"] for loan in found.json()["items"]]

    assert await loans() == []
    both = {"merger_id": merger, "survivor_id": one, "merged_id": other}
    for each in (one, other):
        await world.stack.publish(
            EnterprisesMerged(enterprise_id=each, merged_on=date(2022, 7, 1), **both)
        )
    await world.stack.settle()
    assert await loans() == ["N50"]
    # The bank's core goes on booking under the number it knows.
    await world.pushed("loans", loan(50, external_id="N51", uscc=uscc(50)))
    assert sorted(await loans()) == ["N50", "N51"]
    for each in (one, other):
        await world.stack.publish(
            EnterprisesUnmerged(enterprise_id=each, unmerged_on=date(2022, 8, 1), **both)
        )
    await world.stack.settle()
    assert await loans() == []
