"""Events from a build that knows more than this one: never a stop, never a silent loss."""

from datetime import date
from uuid import UUID

from shared.contracts.allocation import EnterpriseUnassigned
from shared.kernel.ids import new_id
from shared.platform.parked import retry_parked
from tests.platform.bus import Bus, key


def unassigned(n: int) -> EnterpriseUnassigned:
    """An event with an enum in it, of the n-th enterprise."""
    return EnterpriseUnassigned(
        assignment_id=new_id(),
        enterprise_id=UUID(key(n)),
        campaign_id=new_id(),
        tier=1,
        institution_id=None,
        reason="rotated",
        unassigned_on=date(2022, 9, 5),
    )


async def test_an_enum_value_that_no_build_declared_parks_its_key_and_is_named(bus: Bus) -> None:
    """A new value is a new version (docs/events.md); under the old one it is a fault to look at."""
    async with bus.writer.transaction() as tx:
        tx.emit(unassigned(2))
    await bus.spoil('"reason":"rotated"', '"reason":"merged"')
    await bus.write(2, 3)
    bus.start_relay()
    bus.start_worker()
    await bus.drained()
    parked = await bus.parked()
    assert [(row["key"], row["seq"]) for row in parked] == [(key(2), 1), (key(2), 2)]
    assert "merged" in parked[0]["error"]
    assert "reason" in parked[0]["error"]
    assert [row["key"] for row in await bus.sql("r", "select key from seen")] == [key(3)]
    await bus.sql(
        "r",
        "update parked set payload ="
        " convert_to(replace(convert_from(payload, 'UTF8'), 'merged', 'other'), 'UTF8')",
    )
    assert await retry_parked(bus.consumer(), bus.reader) == (2, 0)
    assert await bus.parked() == []
    assert [row["seq"] for row in await bus.sql("r", "select seq from seen order by n")] == [1, 2]
