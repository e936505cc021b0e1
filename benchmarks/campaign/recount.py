"""The figures counted again, straight from the input files and the actions, the plain way.

Shares no code with the services: it reads `inputs/` and `actions.ndjson` of a campaign and asks the
definition of each figure as a question about each enterprise. Region rows count an enterprise in
the county of the event's day (flows) or of the quarter's last day (stocks); an enterprise with
several banks counts once in its region and once at each bank.
"""

import csv
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.campaign.journal import Action, read
from shared.kernel.ids import derived_id

QUARTERS = {
    "2022Q2": (date(2022, 4, 1), date(2022, 6, 30)),
    "2022Q3": (date(2022, 7, 1), date(2022, 9, 30)),
    "2022Q4": (date(2022, 10, 1), date(2022, 12, 31)),
}
METRICS = (
    "listed", "assigned", "contacts", "visited", "covered", "visits", "visits_total", "needs_n",
    "needs_fen", "applied_n", "applied_fen", "matched", "matched_total", "lines_n", "lines_fen",
    "lines_n_total", "lines_fen_total", "granted_n", "granted_fen", "granted_n_total",
    "granted_fen_total", "balance_fen", "borrowers",
)  # fmt: skip
FOREVER = date(9999, 12, 31)
#: ("total", ""), ("city", code), ("county", code), ("bank", institution) → metric → value.
Place = tuple[str, str]
Counted = dict[Place, dict[str, int]]


@dataclass(slots=True)
class Enterprise:
    """One enterprise of the list with all that was done about it, in the order it became known."""

    region_code: str
    actions: list[Action] = field(default_factory=list[Action])


@dataclass(slots=True)
class Campaign:
    """The input and the actions of one campaign."""

    opens_on: date
    enterprises: dict[str, Enterprise]


def load(folder: Path) -> Campaign:
    """Read what `yinqi demo` kept: the input files and the journal."""
    enterprises = dict(_listed(folder / "inputs"))
    opens_on = FOREVER
    for action in read(folder / "actions.ndjson"):
        for name in ("on", "known_on"):
            if name in action:
                action[name] = date.fromisoformat(action[name])
        if action["did"] == "campaign":
            opens_on = action["on"]
        elif "enterprise_id" in action:
            enterprises[action["enterprise_id"]].actions.append(action)
    return Campaign(opens_on, enterprises)


def _listed(inputs: Path) -> Iterator[tuple[str, Enterprise]]:
    """The rows an import has to take: all but those the file's own book calls faulty."""
    truth, taken = inputs / "truth.csv", inputs / "taken.csv"
    if taken.exists():
        for row in _rows(taken):
            yield _id(row["uscc"]), Enterprise(row["region_code"])
        return
    book = json.loads((inputs / "manifest.json").read_text())["enterprises"]
    # A repeated row is refused, the first of its kind is not.
    faulty = {mark["key"] for mark in book["faulty"] if mark["code"] != "row.duplicate"}
    for row in _rows(truth):
        if row["registration_no"] not in faulty:
            yield _id(row["uscc"]), Enterprise(row["region_code"])


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _id(uscc: str) -> str:
    return str(derived_id("enterprise", uscc))


def count(campaign: Campaign, quarter: str, known_on: date = FOREVER) -> Counted:
    """Every figure of a quarter, as known at the end of a day."""
    found: Counted = defaultdict(lambda: dict.fromkeys(METRICS, 0))
    found["total", ""]  # there is a total, even of nothing
    first_on, last_on = QUARTERS[quarter]
    if campaign.opens_on <= last_on:
        for enterprise in campaign.enterprises.values():
            _One(campaign.opens_on, enterprise, (first_on, last_on), known_on, found).count()
    return found


class _One:
    """One enterprise's part in every figure."""

    def __init__(
        self,
        opens_on: date,
        enterprise: Enterprise,
        quarter: tuple[date, date],
        known_on: date,
        found: Counted,
    ) -> None:
        self.opens, self.found = opens_on, found
        self.first, self.last = quarter
        self.by_did: dict[str, list[Action]] = defaultdict(list)
        for action in enterprise.actions:
            if action["known_on"] <= known_on:
                self.by_did[action["did"]].append(action)
        self.places = [(date.min, enterprise.region_code)]
        self.places += [(move["on"], move["region_code"]) for move in self.by_did["move"]]

    def count(self) -> None:
        """All figures."""
        self.once("listed", [None], self.last)
        self.count_holders()
        self.count_visits()
        self.count_applications()
        self.count_matches()
        self.count_granted()
        self.count_balances()

    # -- tools

    def county(self, day: date) -> str:
        """Where it was on a day, by the latest word about that day."""
        here, since = "", date.min
        for from_on, county in self.places:
            if since <= from_on <= day:
                here, since = county, from_on
        return here

    def add(self, metric: str, bank: str | None, day: date, value: int) -> None:
        """To the total and the region rows where `bank` is None, else to that bank's row."""
        if bank is not None:
            self.found["bank", bank][metric] += value
            return
        county = self.county(day)
        for place in (("total", ""), ("county", county), ("city", county[:4] + "00")):
            self.found[place][metric] += value

    def once(self, metric: str, banks: list[str | None], day: date) -> None:
        """Count it once in its region, and once at each of these banks."""
        if banks:
            self.add(metric, None, day, 1)
        for bank in {each for each in banks if each is not None}:
            self.add(metric, bank, day, 1)

    def flow(self, metric: str, action: Action, value: int, *, total: str | None = None) -> None:
        """Something that happened, in the county of its day."""
        names = [metric] if self.first <= action["on"] <= self.last else []
        if total and action["on"] <= self.last:
            names.append(total)
        for name in names:
            self.add(name, None, action["on"], value)
            self.add(name, action["institution_id"], action["on"], value)

    # -- the figures

    def count_holders(self) -> None:
        """Who has it at the end of the quarter, named whom, and came."""
        ended = {
            action["assignment_id"]
            for action in self.by_did["unassigned"]
            if action["on"] <= self.last
        }
        named = {a["assignment_id"] for a in self.by_did["contact"] if a["on"] <= self.last}
        came = {a["institution_id"] for a in self.live_visits() if a["on"] <= self.last}
        current = [
            action
            for action in self.by_did["assigned"]
            if action["on"] <= self.last and action["assignment_id"] not in ended
        ]
        by_metric = {
            "assigned": current,
            "contacts": [a for a in current if a["assignment_id"] in named],
            "covered": [a for a in current if a["institution_id"] in came],
        }
        for metric, held in by_metric.items():
            self.once(metric, [action["institution_id"] for action in held], self.last)

    def live_visits(self) -> list[Action]:
        """Visits that count: complete and not taken back."""
        void = {action["visit_id"] for action in self.by_did["void"]}
        return [a for a in self.by_did["visit"] if a["complete"] and a["visit_id"] not in void]

    def count_visits(self) -> None:
        """Visits, and the needs that were told in any visit that was not taken back."""
        void = {action["visit_id"] for action in self.by_did["void"]}
        live = self.live_visits()
        for visit in live:
            self.flow("visits", visit, 1, total="visits_total")
        seen = [visit["institution_id"] for visit in live if visit["on"] <= self.last]
        self.once("visited", seen, self.last)
        for visit in self.by_did["visit"]:
            if visit["need_fen"] is not None and visit["visit_id"] not in void:
                self.flow("needs_n", visit, 1)
                self.flow("needs_fen", visit, visit["need_fen"])

    def count_applications(self) -> None:
        """Applications and credit lines since the opening."""
        for filed in self.since_opening("application"):
            self.flow("applied_n", filed, 1)
            self.flow("applied_fen", filed, filed["fen"])
        for line in self.since_opening("line"):
            self.flow("lines_n", line, 1, total="lines_n_total")
            self.flow("lines_fen", line, line["fen"], total="lines_fen_total")

    def since_opening(self, did: str) -> list[Action]:
        """Actions of one kind that happened in the campaign."""
        return [action for action in self.by_did[did] if action["on"] >= self.opens]

    def count_matches(self) -> None:
        """The first line or loan since the opening, of all banks and of each."""
        won = self.since_opening("line") + self.since_opening("loan")
        firsts: dict[str | None, date] = {}
        for action in won:
            for bank in (None, action["institution_id"]):
                firsts[bank] = min(action["on"], firsts.get(bank, FOREVER))
        for bank, day in firsts.items():
            if self.first <= day <= self.last:
                self.add("matched", bank, day, 1)
            if day <= self.last:
                self.add("matched_total", bank, self.last, 1)

    def count_granted(self) -> None:
        """New money paid out; a loan counts while more was paid out than booked back."""
        drawn = {self.number(a): a for a in self.by_did["drawdown"]}
        moves: dict[tuple[str, str], list[tuple[date, int, Action]]] = defaultdict(list)
        for number, draw in drawn.items():
            if draw["new_money"] and draw["on"] >= self.opens:
                moves[number[0], draw["of"]].append((draw["on"], draw["fen"], draw))
        for back in self.by_did["reversal"]:
            draw = drawn[back["institution_id"], back["of"]]
            if draw["new_money"] and draw["on"] >= self.opens:
                loan = (back["institution_id"], draw["of"])
                moves[loan].append((back["on"], -back["fen"], back))
        for loan in moves.values():
            self.count_loan(loan)

    @staticmethod
    def number(action: Action) -> tuple[str, str]:
        """A bank's own number is unique at that bank."""
        return action["institution_id"], action["external_id"]

    def count_loan(self, moves: list[tuple[date, int, Action]]) -> None:
        """One loan: its money, and whether it counts at the end of each day."""
        for _, fen, action in moves:
            self.flow("granted_fen", action, fen, total="granted_fen_total")
        counts = False
        for day in sorted({day for day, _, _ in moves}):
            paid = sum(fen for on, fen, _ in moves if on <= day)
            if counts != (paid > 0):
                counts = paid > 0
                sample: dict[str, Any] = {"on": day} | {
                    "institution_id": moves[0][2]["institution_id"]
                }
                self.flow("granted_n", sample, 1 if counts else -1, total="granted_n_total")

    def count_balances(self) -> None:
        """What is owed at the end of the quarter, whenever it was drawn."""
        owed: dict[tuple[str, str], int] = defaultdict(int)
        for did, sign in (("drawdown", 1), ("repayment", -1), ("reversal", -1)):
            for action in self.by_did[did]:
                if action["on"] <= self.last:
                    owed[action["institution_id"], action["outlet_id"]] += sign * action["fen"]
        for (bank, _), fen in owed.items():
            self.add("balance_fen", None, self.last, fen)
            self.add("balance_fen", bank, self.last, fen)
        self.once("borrowers", [bank for (bank, _), fen in owed.items() if fen > 0], self.last)


def differences(answer: dict[str, Any], counted: Counted, axis: str) -> list[str]:
    """Where an answer of `/figures` is not what was counted; `axis`: city, county or bank."""
    key = "institution_id" if axis == "bank" else "region_code"
    shown: dict[Place, dict[str, int]] = {
        (axis, row[key]): row["metrics"] for row in answer["rows"]
    }
    shown["total", ""] = answer["total"]
    expected = {place: cell for place, cell in counted.items() if place[0] in (axis, "total")}
    found: list[str] = []
    for place in sorted(shown.keys() | expected.keys()):
        for metric in METRICS:
            is_ = shown.get(place, {}).get(metric, 0)
            should = expected.get(place, {}).get(metric, 0)
            if is_ != should:
                found.append(f"{place[0]} {place[1]} {metric}: 平台 {is_}, 重算 {should}")
    return found


def main() -> int:
    """Print the totals of each quarter: `python -m benchmarks.campaign.recount HOME/demo`."""
    campaign = load(Path(sys.argv[1]))
    for quarter in QUARTERS:
        total = count(campaign, quarter)["total", ""]
        sys.stdout.write(f"{quarter} {json.dumps(total)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
