"""Write a synthetic province: `python -m benchmarks.province OUT --size small --seed 7`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.province.generate import SIZES, generate
from benchmarks.province.sheets import write_files


def main(arguments: Sequence[str] | None = None) -> int:
    """Generate, write, and say how many rows there are."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.province", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", choices=sorted(SIZES), default="small")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--clean", action="store_true", help="write no faults")
    args = parser.parse_args(arguments)
    manifest = write_files(generate(args.size, args.seed), args.out, faults=not args.clean)
    for book in (manifest.institutions, manifest.outlets, manifest.staff, manifest.enterprises):
        sys.stdout.write(
            f"{book.file}: {book.rows} rows, {book.clean} clean "
            f"({len(book.repaired)} with slips), {book.refused} to refuse, "
            f"{book.doubtful} to doubt\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
