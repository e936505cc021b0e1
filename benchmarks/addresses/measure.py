"""The address resolver, measured: on the written-out set, and on files of real addresses.

    python -m benchmarks.addresses        both halves of the set; writes results
    python -m benchmarks.addresses tune                    the tuning half alone, failures in full
    python -m benchmarks.addresses FILE.csv COLUMN [CITY]  a file: how many are resolved

Of a file only counts are shown; `--sample N` adds a random sample of N rows for a person to judge.
"""

import argparse
import csv
import hashlib
import json
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from services.registry.domain.places import status_of
from shared.kernel.address import resolve_address
from shared.kernel.region import full_name

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "addresses.json"


def rows() -> list[dict[str, str]]:
    text = (HERE / "set.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def half_of(address: str) -> str:
    """Which half an address is in: nobody chose."""
    return "tune" if hashlib.sha256(address.encode()).digest()[0] % 2 == 0 else "report"


def failure(row: dict[str, str]) -> dict[str, str] | None:
    """What is wrong with the resolver's answer; None where it is right.

    Wrong is another county than the one meant, or a county called certain where none is.
    """
    found = resolve_address(row["address"])
    status = status_of(found)
    code = found.code if status == "resolved" else ""
    if status == row["status"] and (status != "resolved" or code == row["code"]):
        return None
    said = f"{status} {found.code or ''} {' '.join(found.doubt)}".strip()
    return {
        "address": row["address"],
        "meant": f"{row['status']} {row['code']}".strip(),
        "said": said,
    }


def measure_half(name: str) -> dict[str, Any]:
    chosen = [row for row in rows() if half_of(row["address"]) == name]
    failures = [wrong for row in chosen if (wrong := failure(row))]
    false = [each for each in failures if each["said"].startswith("resolved")]
    return {
        "addresses": len(chosen),
        "right": len(chosen) - len(failures),
        "accuracy": round((len(chosen) - len(failures)) / len(chosen), 4),
        "wrongly_certain": len(false),
        "failures": failures,
    }


def measure_file(path: Path, column: str, city: str | None, sample: int) -> None:
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    found = [(line, resolve_address(line[column], line.get(city or "") or None)) for line in lines]
    statuses = Counter(status_of(each) for _, each in found)
    for status in ("resolved", "doubtful", "unresolved"):
        print(f"{status:11}{statuses[status]:8,}{statuses[status] / len(found):8.1%}")
    doubts = Counter(doubt for _, each in found for doubt in each.doubt)
    for doubt, count in doubts.most_common():
        print(f"  {doubt:34}{count:8,}")
    for line, each in random.Random(7).sample(found, min(sample, len(found))):
        name = full_name(each.code) if each.code else "-"
        print(f"{status_of(each)[0]} {line[column]} → {name} {' '.join(each.doubt)}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="?", default="set")
    parser.add_argument("column", nargs="?", default="注册地址")
    parser.add_argument("city", nargs="?")
    parser.add_argument("--sample", type=int, default=0)
    given = parser.parse_args()
    if given.what == "tune":
        half = measure_half("tune")
        json.dump(half, sys.stdout, ensure_ascii=False, indent=1)
    elif given.what == "set":
        both = {name: measure_half(name) for name in ("tune", "report")}
        RESULTS.write_text(json.dumps(both, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        for name, half in both.items():
            print(name, {key: value for key, value in half.items() if key != "failures"})
    else:
        measure_file(Path(given.what), given.column, given.city, given.sample)


if __name__ == "__main__":
    main()
