"""Two ways for events to reach a consumer: straight from the event logs, or through Kafka.

Both give the same `Record`s, with the same offsets and knowledge times, in the same order per key.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Record:
    """One event on its way: where it stands in its log, when the platform learnt it, its bytes.

    `position` is the transport's own place (Kafka offset, or the log's), to resume from.
    """

    topic: str
    part: int
    off: int
    position: int
    at_us: int
    key: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a consumer stands: the next log offset it needs, and where the transport had it."""

    next_off: int = 0
    position: int = 0


class WrongTopic(Exception):
    """The topic has another partition count: order per key would break, so nothing starts."""


class LostEvents(Exception):
    """The log no longer fits what a consumer has had: nothing starts, rather than skip events."""


Partition = tuple[str, int]
Positions = Mapping[Partition, Place]
FindPositions = Callable[[Sequence[Partition]], Awaitable[Positions]]
"""Where to resume each partition, read from the consumer's own database."""


class Source(Protocol):
    """What a consumer reads from."""

    async def start(self, find_positions: FindPositions) -> None:
        """Connect; ask for positions whenever partitions are handed to this process."""
        ...

    async def poll(self, limit: int) -> list[Record]:
        """The next records, at most about `limit`; empty after a short wait without any."""
        ...

    async def rewind(self) -> None:
        """Go back to the stored positions: the last batch was not applied, or another took over."""
        ...

    async def close(self) -> None:
        """Let go of the partitions."""
        ...


PAGE_ROWS = 10_000
#: One event of a partition's past: log offset, key, bytes, and when it became known (microseconds).
Told = tuple[int, str, bytes, int]


class History(Protocol):
    """A topic's whole past, to be read again from the beginning."""

    async def ends(self, topics: Sequence[str]) -> dict[Partition, int]:
        """Per partition, the log offset after the last event that can be read from here now.

        Raises: ConnectionError, WrongTopic.
        """
        ...

    def pages(
        self, topics: Sequence[str], part: int, ends: Mapping[Partition, int]
    ) -> AsyncGenerator[tuple[str, list[Told]]]:
        """Every event of a partition of each topic up to its end: in order, each once, in pages.

        Raises: ConnectionError; LostEvents, where some are not there.
        """
        ...

    def places(self) -> dict[Partition, int]:
        """Of what was read so far: where the transport itself would go on (`Place.position`)."""
        ...

    async def close(self) -> None:
        """Let go."""
        ...
