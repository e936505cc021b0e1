"""The same report many times, at once and one after another: one visit, one event, one answer."""

import asyncio
from uuid import uuid4

from tests.support.stack import Stack
from tests.visits.scenario import Campaign

NEED = {"amount": "10.00", "purpose": "other", "term_months": 6}


async def counts(stack: Stack) -> tuple[int, ...]:
    [row] = await stack.rows(
        "visits",
        "select (select count(*) from visit), (select count(*) from need),"
        " (select count(*) from outbox), (select count(*) from audit where action like 'visit.%')",
    )
    return tuple(row)


async def test_V10_five_twins_with_one_key_record_one_visit(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = await campaign.begin()
    manager, key = campaign.manager(), uuid4()
    photo_id = await campaign.photo(manager)
    report = campaign.report(enterprise_id, photo_ids=[photo_id], need=NEED)

    answers = await asyncio.gather(
        *(manager.post("/visits", json=report, key=key) for _ in range(5))
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await counts(stack) == (1, 1, 2, 1)


async def test_V10_five_twins_with_their_own_keys_record_one_visit(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = await campaign.begin()
    manager = campaign.manager()
    photo_id = await campaign.photo(manager)
    report = campaign.report(enterprise_id, photo_ids=[photo_id], need=NEED)

    answers = await asyncio.gather(*(manager.post("/visits", json=report) for _ in range(5)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await counts(stack) == (1, 1, 2, 1)


async def test_V10_a_repeat_is_answered_the_same_whatever_has_happened_since(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = await campaign.begin()
    manager = campaign.manager()
    report = campaign.report(enterprise_id)
    first = await manager.post("/visits", json=report)
    await campaign.void(campaign.bank_head(), report["visit_id"])
    assert (await manager.post("/visits", json=report)).json() == first.json()


async def test_V10_another_report_under_the_same_id_is_a_conflict(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = await campaign.begin()
    manager = campaign.manager()
    report = campaign.report(enterprise_id)
    await manager.post("/visits", json=report)

    answer = await manager.post("/visits", json=report | {"note": "另一条"})

    assert (answer.status_code, answer.json()["code"]) == (409, "visit.id_taken")
    assert await counts(stack) == (1, 0, 1, 1)


async def test_a_key_used_for_another_report_is_refused(campaign: Campaign) -> None:
    enterprise_id = await campaign.begin()
    manager, key = campaign.manager(), uuid4()
    await manager.post("/visits", json=campaign.report(enterprise_id), key=key)
    answer = await manager.post("/visits", json=campaign.report(enterprise_id), key=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency.key_reused")


async def test_V3_two_visits_at_once_cannot_share_a_photo(campaign: Campaign, stack: Stack) -> None:
    first, second = uuid4(), uuid4()
    await campaign.begin(first, second)
    manager = campaign.manager()
    photo_id = await campaign.photo(manager)

    answers = await asyncio.gather(
        *(
            manager.post("/visits", json=campaign.report(enterprise_id, photo_ids=[photo_id]))
            for enterprise_id in (first, second)
        )
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert (await counts(stack))[0] == 1
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["code"] == "visit.photo_used"


async def test_V3_a_photo_of_another_visit_is_refused_with_its_place_in_the_report(
    campaign: Campaign,
) -> None:
    enterprise_id = await campaign.begin()
    manager = campaign.manager()
    photo_id = await campaign.photo(manager)
    await manager.post("/visits", json=campaign.report(enterprise_id, photo_ids=[photo_id]))
    answer = await manager.post(
        "/visits", json=campaign.report(enterprise_id, photo_ids=[photo_id])
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "visit.photo_used")
    assert answer.json()["errors"][0]["where"] == "photo_ids.0"


async def test_V3_the_same_file_under_a_new_id_is_flagged(campaign: Campaign) -> None:
    enterprise_id = await campaign.begin()
    manager = campaign.manager()
    flags: list[list[str]] = []
    for _ in range(2):
        photo_id = await campaign.photo(manager)
        report = campaign.report(enterprise_id, photo_ids=[photo_id])
        flags.append((await manager.post("/visits", json=report)).json()["flags"])
    assert flags == [[], ["photo_seen_before"]]


async def test_JS_10_a_photo_never_uploaded_or_of_another_bank_is_refused(
    campaign: Campaign, stack: Stack
) -> None:
    enterprise_id = await campaign.begin()
    theirs = await campaign.photo(campaign.manager(campaign.other_bank))
    for photo_id in (str(uuid4()), theirs):
        answer = await campaign.manager().post(
            "/visits", json=campaign.report(enterprise_id, photo_ids=[photo_id])
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "visit.photo_unknown")
    assert (await counts(stack))[0] == 0
