"""The journal: every acknowledged action with its inputs, one line each.

Together with the input files it is all that `recount.py` reads: nothing of the platform's answers
is in it but what only the platform could decide, namely who was given which enterprise.
"""

import io
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

Action = dict[str, Any]


class Journal:
    """Appends actions to a file; `day` is the business day on which they became known."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.day: date | None = None
        self.counts: dict[str, int] = {}
        self._file: io.BufferedWriter | None = None

    def __enter__(self) -> Self:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("wb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def note(self, did: str, **inputs: object) -> None:
        """Write down an action that the platform acknowledged."""
        if self._file is None or self.day is None:
            raise ValueError("the journal is not open, or no day has begun")
        line = {"did": did, "known_on": self.day, **inputs}
        self._file.write(msgspec.json.encode(line) + b"\n")
        self.counts[did] = self.counts.get(did, 0) + 1

    def flush(self) -> None:
        """Make sure that what was noted is in the file."""
        if self._file is not None:
            self._file.flush()


def read(path: Path) -> Iterator[Action]:
    """The actions of a journal, in order."""
    with path.open("rb") as lines:
        for line in lines:
            yield msgspec.json.decode(line)
