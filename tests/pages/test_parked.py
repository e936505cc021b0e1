"""I5: an event that a service cannot take is seen, and tried again, on a screen."""

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest
from playwright.async_api import expect

from shared.contracts.event import part_of
from shared.platform.embedded.postgres import Postgres
from tests.pages.browsing import ON_LOG, Browsing, sign_in
from tests.pages.campaign import Made
from tests.pages.test_access import check

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), ON_LOG]

_EVENT = "select event_id, key, seq, type, payload from event_log where type like $1 limit 1"
_WAITING = (
    "insert into outbox (event_id, key, seq, type, part, payload) values ($1, $2, 1, $3, $4, $5)"
)


async def as_owner(place: Made, service: str) -> asyncpg.Connection:
    """A session in a service's database that is above the walls."""
    server = Postgres(place.home / "postgres").server
    return await asyncpg.connect(server.url("postgres", service))


async def spoilt(visits: asyncpg.Connection, event_id: UUID) -> tuple[str, str]:
    """Let the relay send a visit's event anew, for an enterprise of its own and with its data broken.

    Returns: the new key, and the payload as it would have been with an event type of the future.
    """
    row = await visits.fetchrow(_EVENT, "VisitLogged%")
    assert row
    key, text = str(uuid4()), row["payload"].decode()
    for old, new in (
        (row["key"], key),
        (str(row["event_id"]), str(event_id)),
        (f'"sequence":{row["seq"]}', '"sequence":1'),
    ):
        assert old in text
        text = text.replace(old, new)
    broken = text.replace('"data":{', '"data":[{')
    await visits.execute(_WAITING, event_id, key, row["type"], part_of(key), broken.encode())
    return key, text.replace(row["type"], "SomethingLater.v1")


async def test_I5_a_poison_event_is_looked_at_and_tried_again_on_the_screen(
    place: Made, browsing: Browsing
) -> None:
    visits, reporting = await as_owner(place, "visits"), await as_owner(place, "reporting")
    key, mended = await spoilt(visits, uuid4())
    async with asyncio.timeout(20):
        while not await reporting.fetchval("select count(*) from parked where key = $1", key):
            await asyncio.sleep(0.1)
    screen = await browsing.desk()
    await sign_in(screen, f"{place.url}/", place.admin.name, place.admin.password)
    await screen.get_by_test_id("section-parked").click()
    event = screen.get_by_test_id("parked-event")
    await expect(event).to_have_count(1)
    await expect(event).to_contain_text("1 次")
    await event.get_by_role("button").click()
    await expect(screen.get_by_test_id("parked-more")).to_contain_text(key)
    await check(screen, "parked")
    await screen.get_by_test_id("parked-retry").click()
    await expect(screen.get_by_test_id("parked-said")).to_have_text("已处理 0 条，仍搁置 1 条。")
    await expect(event).to_contain_text("2 次")
    await screen.set_viewport_size({"width": 360, "height": 740})
    await check(screen, "parked on a phone")
    mend = "update parked set payload = $2 where key = $1"
    assert await reporting.execute(mend, key, mended.encode()) == "UPDATE 1"
    await screen.get_by_test_id("parked-retry").click()
    await expect(screen.get_by_test_id("parked-said")).to_have_text("已处理 1 条，仍搁置 0 条。")
    await expect(screen.get_by_test_id("list-none")).to_be_visible()
    await visits.close()
    await reporting.close()


async def test_I5_a_regulator_sees_no_events_and_may_not_retry(
    place: Made, browsing: Browsing
) -> None:
    screen = await browsing.desk()
    await sign_in(screen, f"{place.url}/", place.regulator.name, place.regulator.password)
    await expect(screen.get_by_test_id("section-audit")).to_be_visible()
    await expect(screen.get_by_test_id("section-parked")).to_have_count(0)
