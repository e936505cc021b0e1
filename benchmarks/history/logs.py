"""Events written straight into the services' logs, as their relays would have written them.

Dense offsets per partition, a sequence per key, times that never fall.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from uuid import UUID, uuid5

import asyncpg

from benchmarks.bed import Bed
from benchmarks.history.life import Life
from benchmarks.history.world import CAMPAIGN, Told, World
from shared.contracts.event import PARTITIONS, contract_of, encode, key_of, numbered, part_of

#: About how many events an enterprise has, its share of banks and outlets with it.
EVENTS_EACH = 13.83
_TRACE = f"00-{1:032x}-{1:016x}-01"
_COLUMNS = ("part", "off", "event_id", "key", "seq", "type", "payload", "at")
LogRows = dict[str, list[tuple[object, ...]]]


async def write_year(bed: Bed, events: int, seed: int = 7) -> int:
    """Write a whole year of about `events` events; how many it were."""
    world = World(round(events / EVENTS_EACH), seed)
    return await _write(bed, world, whole=True)


async def write_beginning(bed: Bed, world: World) -> int:
    """Write how the campaign begins: everybody listed, and in somebody's care."""
    return await _write(bed, world, whole=False)


async def _write(bed: Bed, world: World, *, whole: bool) -> int:
    by_part: dict[int, list[int]] = defaultdict(list)
    for number, enterprise in enumerate(world.enterprises):
        by_part[part_of(str(enterprise))].append(number)
    count = 0
    for part in range(PARTITIONS):
        told = [each for each in world.opening() if part_of(key_of(each[1])) == part]
        for number in by_part[part]:
            told += world.beginning(number)
            if whole:
                told += Life(world, number).told()
        count += await _write_part(bed, part, told)
    await bed.publish()
    return count


async def _write_part(bed: Bed, part: int, told: Iterable[Told]) -> int:
    by_topic: dict[str, list[Told]] = defaultdict(list)
    for each in told:
        by_topic[contract_of(each[1]).source].append(each)
    for service, events in by_topic.items():
        events.sort(key=lambda each: each[0])
        connection = await bed.connect(service)
        try:
            async with connection.transaction():
                await _copy(connection, part, events)
        finally:
            await connection.close()
    return sum(map(len, by_topic.values()))


async def _copy(connection: asyncpg.Connection, part: int, events: list[Told]) -> None:
    await connection.copy_records_to_table(
        "event_log", records=_rows(part, events), columns=_COLUMNS
    )
    await connection.execute(
        "update log_head set next_off = $2, at = $3 where part = $1",
        part,
        len(events),
        events[-1][0],
    )


def _rows(part: int, events: list[Told]) -> Iterator[tuple[object, ...]]:
    seqs: dict[str, int] = defaultdict(int)
    for off, (at, event) in enumerate(events):
        key, kind = key_of(event), contract_of(event).type
        seqs[key] += 1
        event_id = _event_id(key, kind, seqs[key])
        body = encode(event, id=event_id, at=at, actor="bench", trace=_TRACE)
        yield part, off, event_id, key, seqs[key], kind, numbered(body, seqs[key]), at


def _event_id(key: str, kind: str, seq: int) -> UUID:
    return uuid5(CAMPAIGN, f"{key} {kind} {seq}")
