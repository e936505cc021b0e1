"""A process that opens files as the checking process does, and tells how each ended.

    python -m tests.registry.files.probe KIND < lines of paths

One JSON line per file: the code it was refused with (or the outcomes of its rows), seconds, and the
most memory this process has held so far. Where it dies, the line is missing.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from services.registry.domain.records import RECORDS, Kind
from services.registry.usecases.checking import Chunk, Failed, _limit, check_file


def told(path: Path, kind: Kind) -> dict[str, Any]:
    code, rows = "", list[list[Any]]()
    decode = msgspec.msgpack.Decoder(list[RECORDS[kind]]).decode
    try:
        for frame in check_file(path, kind, "", {}):
            if isinstance(frame, Failed):
                code = frame.code
            elif isinstance(frame, Chunk):
                rows += [
                    [each.row, "taken", *[r.code for r in each.notes]]
                    for each in decode(frame.taken)
                ]
                rows += [
                    [each.row, each.outcome, *[r.code for r in each.reasons]]
                    for each in frame.rejected
                ]
    except MemoryError:
        code = "file.too_large"
    return {"code": code, "rows": sorted(rows)[:50]}


def main() -> None:
    kind: Any = sys.argv[1]
    _limit(2 * 1024**3, 120)
    for line in sys.stdin:
        began = time.perf_counter()
        found = told(Path(line.strip()), kind)
        found["seconds"] = time.perf_counter() - began
        found["most_kb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps(found), flush=True)


main()
