"""The files of the campaign: a synthetic province's, or the user's with what they lack made up."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import xlsxwriter

from benchmarks.campaign.dice import Dice
from benchmarks.campaign.world import WAN_FEN, Need
from benchmarks.province.generate import SIZES, generate
from benchmarks.province.model import Need as DrawnNeed
from benchmarks.province.model import Province
from benchmarks.province.sheets import write_files

#: A province that is small enough to run twice in a test.
TINY = replace(SIZES["small"], enterprises=300, outlets=90)
PURPOSES = {
    "流动资金": "working_capital",
    "购置设备": "equipment",
    "技术研发": "research",
    "订单备货": "working_capital",
    "厂房建设": "premises",
}
TERMS = (6, 12, 12, 24, 36)
Truth = dict[str, tuple[Need | None, tuple[str, ...], float, float]]


def make_province(size: str, seed: int, folder: Path) -> Province:
    """Generate a province, write the spreadsheets people would send, and what is true of it."""
    SIZES.setdefault("tiny", TINY)
    province = generate(size, seed)
    write_files(province, folder)
    rows = ((e.registration_no, e.uscc, e.region_code) for e in province.enterprises)
    write_csv(folder / "truth.csv", ("registration_no", "uscc", "region_code"), rows)
    return province


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a plain table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def truth_of(province: Province) -> Truth:
    """By credit code: need, lenders, place."""
    truth = province.truth
    return {
        firm.uscc: (
            _need(truth.needs.get(firm.uscc)),
            truth.lenders.get(firm.uscc, ()),
            firm.lon,
            firm.lat,
        )
        for firm in province.enterprises
    }


def _need(drawn: DrawnNeed | None) -> Need | None:
    if drawn is None:
        return None
    return Need(
        amount_fen=drawn.amount_fen,
        term_months=drawn.term_months,
        purpose=PURPOSES[drawn.purpose],
        eligible=drawn.eligible,
        approved_fen=drawn.approved_fen,
        drawn_fen=drawn.drawn_fen,
    )


def made_up_need(dice: Dice, uscc: str) -> Need | None:
    """A need for an enterprise of the user's list: about half have one."""
    if not dice.chance(0.55, "need", uscc):
        return None
    amount_wan = 10 + 10 * int(200 * dice.unit("amount", uscc) ** 3)
    approved_wan = amount_wan if dice.chance(0.7, "whole", uscc) else max(amount_wan // 2, 1)
    eligible = dice.chance(0.62, "eligible", uscc)
    halves = dice.pick((0, 1, 1, 1, 2, 2, 2, 2, 2, 2), "drawn", uscc)
    return Need(
        amount_fen=amount_wan * WAN_FEN,
        term_months=dice.pick(TERMS, "term", uscc),
        purpose=dice.pick(tuple(PURPOSES.values()), "purpose", uscc),
        eligible=eligible,
        approved_fen=approved_wan * WAN_FEN if eligible else 0,
        drawn_fen=approved_wan * WAN_FEN * halves // 2 if eligible else 0,
    )


def made_up_lenders(dice: Dice, uscc: str, near: Sequence[str]) -> tuple[str, ...]:
    """Banks that had lent to an enterprise before: about half of all have one or two."""
    if not near or not dice.chance(0.48, "lender", uscc):
        return ()
    first = dice.pick(near, "lender one", uscc)
    second = dice.pick(near, "lender two", uscc)
    return tuple(dict.fromkeys((first, second) if dice.chance(0.3, "two", uscc) else (first,)))


def write_sheet(path: Path, title: str, rows: Sequence[dict[str, str]]) -> None:
    """Write a spreadsheet with a title row and a header row."""
    book = xlsxwriter.Workbook(str(path), {"strings_to_numbers": False})
    sheet = book.add_worksheet(title)
    columns = list(rows[0])
    sheet.write_string(0, 0, title)
    for at, column in enumerate(columns):
        sheet.write_string(1, at, column)
    for number, row in enumerate(rows, 2):
        for at, column in enumerate(columns):
            if row[column]:
                sheet.write_string(number, at, row[column])
    book.close()
