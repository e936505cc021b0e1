"""Rebuild shared/kernel/data/work_calendar.csv, the days that break the Monday–Friday rule.

Usage:
    uv pip install --target py --no-deps chinesecalendar==1.11.0
    python deploy/data/work_calendar.py --python py --taken-on 2026-11-22
"""

import argparse
import sys
from datetime import date, timedelta
from pathlib import Path

FIRST_YEAR = 2021
LAST_YEAR = 2026
WEEKEND = (5, 6)
TARGET = Path(__file__).resolve().parents[2] / "shared" / "kernel" / "data" / "work_calendar.csv"


def exceptions(holidays: dict[date, str], workdays: dict[date, str]) -> list[tuple[date, str]]:
    """Return weekdays off and weekend days at work, in order."""
    day, rows = date(FIRST_YEAR, 1, 1), list[tuple[date, str]]()
    while day.year <= LAST_YEAR:
        weekend = day.weekday() in WEEKEND
        if not weekend and day in holidays:
            rows.append((day, "off"))
        elif weekend and day in workdays:
            rows.append((day, "work"))
        day += timedelta(days=1)
    return rows


def main() -> int:
    """Write the table from the package's constants."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", required=True)
    parser.add_argument("--taken-on", required=True)
    args = parser.parse_args()
    sys.path.insert(0, args.python)
    # Only this script knows the package: the product ships the table.
    from chinese_calendar.constants import holidays, workdays  # noqa: PLC0415

    rows = exceptions(holidays, workdays)
    years = {day.year for day, _ in rows}
    if years != set(range(FIRST_YEAR, LAST_YEAR + 1)):
        sys.stderr.write(f"the package covers only {sorted(years)}\n")
        return 1
    with TARGET.open("w", encoding="utf-8", newline="\n") as file:
        file.write(
            "# Days off on weekdays and days at work on weekends, all other days follow the week.\n"
            "# Source: PyPI chinesecalendar 1.11.0 (MIT) chinese_calendar/constants.py; "
            f"taken on {args.taken_on} by deploy/data/work_calendar.py.\n"
            f"# covers {FIRST_YEAR}-01-01 {LAST_YEAR}-12-31\n"
        )
        file.write("day,kind\n")
        file.writelines(f"{day},{kind}\n" for day, kind in rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
