"""The fold and the figures against the oracle, on random histories."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reporting.domain import aspects, kinds, presence, slices
from services.reporting.domain import facts as facts_module
from services.reporting.domain import figures as figures_module
from services.reporting.domain import fold as fold_module
from services.reporting.domain.facts import Fact, learnt, microseconds
from services.reporting.domain.figures import METRICS, Sums, value
from services.reporting.domain.fold import fold
from services.reporting.domain.rows import Row
from shared.contracts.event import Received
from shared.kernel.periods import Quarter
from tests.reporting import oracle
from tests.reporting.histories import FIRST_KNOWN, World, a_history

QUARTERS = [Quarter(2022, 2), Quarter(2022, 3), Quarter(2022, 4), Quarter(2023, 1)]


def facts_by_enterprise(events: Iterable[Received]) -> dict[bytes, list[Fact]]:
    """The facts of each enterprise in knowledge order, whatever order they come in."""
    found: dict[bytes, list[Fact]] = defaultdict(list)
    for received in events:
        if one := learnt(received):
            found[one.enterprise].append(one.fact)
    for facts in found.values():
        facts.sort(key=lambda fact: (fact.known_us, fact.cause))
    return found


def rows_of(events: Iterable[Received], campaign: UUID) -> list[Row]:
    """All signed rows of a campaign."""
    by_enterprise = facts_by_enterprise(events)
    return [row for facts in by_enterprise.values() for row in fold(facts, campaign.bytes)]


def figures(rows: Iterable[Row], question: oracle.Question) -> oracle.Figures:
    """Every cell that is not zero, summed from signed rows."""
    known = microseconds(question.known_at)
    first, last = question.first_on.toordinal(), question.last_on.toordinal()
    cells: dict[Any, dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0] * 4))
    for row in rows:
        if row.known_us > known or row.day > last:
            continue
        in_quarter = row.day >= first
        for node in {(None, None), (row.institution, None), (row.institution, row.outlet)}:
            sums = cells[(*node, row.county)][row.kind]
            sums[0] += row.n
            sums[1] += row.fen
            sums[2] += row.n * in_quarter
            sums[3] += row.fen * in_quarter
    found: oracle.Figures = {}
    for (institution, outlet, county), kinds_ in cells.items():
        by_kind = {kind: Sums(*sums) for kind, sums in kinds_.items()}
        for metric in METRICS:
            if number := value(metric, by_kind):
                key = (_uuid(institution), _uuid(outlet), str(county), metric.code)
                found[key] = number
    return found


def _uuid(raw: bytes | None) -> UUID | None:
    return UUID(bytes=raw) if raw else None


def questions(world: World, source: random.Random, *, count: int) -> list[oracle.Question]:
    """Random cut-offs, the last one today."""
    first, last = world.teller.told[0].known_at, world.teller.told[-1].known_at
    asked = []
    for at in range(count):
        known = last if at == 0 else first + (last - first) * source.random()
        if source.random() < 0.3:
            known = source.choice(world.teller.told).known_at
        quarter = source.choice(QUARTERS)
        campaign = source.choice(world.campaigns)
        asked.append(oracle.Question(campaign, quarter.first_on, quarter.last_on, known))
    return asked


def wrong_cells(seed: int, *, cut_offs: int = 6, events: int = 160) -> tuple[int, int]:
    """How many cells differ from the oracle, of how many that are not zero."""
    world = a_history(seed, events=events)
    rows = {campaign: rows_of(world.teller.told, campaign) for campaign in world.campaigns}
    wrong = seen = 0
    for question in questions(world, random.Random(seed), count=cut_offs):
        mine = figures(rows[question.campaign], question)
        right = oracle.figures(world.teller.told, question)
        seen += len(right)
        wrong += sum(mine.get(key, 0) != right.get(key, 0) for key in mine.keys() | right.keys())
    return wrong, seen


@pytest.mark.parametrize("seed", range(150))
def test_ST_01_ST_04_ST_07_every_cell_equals_a_count_made_straight_from_the_events(
    seed: int,
) -> None:
    wrong, seen = wrong_cells(seed)

    assert wrong == 0
    assert seen > 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), events=st.integers(0, 90))
def test_ST_05_any_history_counts_right_at_any_cut_off(seed: int, events: int) -> None:
    assert wrong_cells(seed, cut_offs=3, events=events)[0] == 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), upto=st.floats(0, 1))
def test_ST_05_later_events_change_no_figure_at_an_earlier_cut_off(seed: int, upto: float) -> None:
    world = a_history(seed, events=80)
    told = world.teller.told
    cut = int(len(told) * upto)
    for campaign in world.campaigns:
        early = rows_of(told[:cut], campaign)
        whole = rows_of(told, campaign)
        known = microseconds(told[cut].known_at) if cut < len(told) else None
        before = [row for row in whole if known is None or row.known_us < known]
        earlier = [row for row in early if known is None or row.known_us < known]

        assert Counter(before) == Counter(earlier)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_ST_05_rows_depend_on_the_set_of_facts_and_not_on_the_order_of_arrival(seed: int) -> None:
    world = a_history(seed, events=70)
    shuffled = list(world.teller.told)
    random.Random(seed).shuffle(shuffled)
    for campaign in world.campaigns:
        told = rows_of(world.teller.told, campaign)

        assert Counter(rows_of(shuffled, campaign)) == Counter(told)


@pytest.mark.parametrize("seed", range(8))
def test_ST_05_rows_are_stamped_in_knowledge_order_and_never_zero(seed: int) -> None:
    world = a_history(seed)
    for facts in facts_by_enterprise(world.teller.told).values():
        rows = fold(facts, world.campaigns[0].bytes)

        assert [row.known_us for row in rows] == sorted(row.known_us for row in rows)
        assert all(row.n or row.fen for row in rows)


# -- mutants: what the oracle must notice --------------------------------------------------------------


def _no_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    real = presence.merge
    monkeypatch.setattr(presence, "merge", lambda children: ([], real(children)[1]))


def _no_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices.Slices, "moves", lambda self: [])


def _flow_reads_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        figures_module.Metric,
        "kinds",
        property(lambda self: (self.kind, self.kind + kinds.MOVED)),
    )


def _stock_without_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures_module.Metric, "kinds", property(lambda self: (self.kind,)))


def _outbox_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    real = facts_module.learnt

    def by_recorded(received: Received) -> Any:
        one = real(received)
        return one and one._replace(fact=one.fact._replace(known_us=one.recorded_us))

    monkeypatch.setitem(globals(), "learnt", by_recorded)


def _sum_of_institutions(monkeypatch: pytest.MonkeyPatch) -> None:
    real = aspects.distinct
    monkeypatch.setattr(
        aspects,
        "distinct",
        lambda leaves: [found for found in real(leaves) if found[0] != presence.ROOT],
    )


def _utc_day(monkeypatch: pytest.MonkeyPatch) -> None:
    real = facts_module.learnt

    def a_day_early(received: Received) -> Any:
        one = real(received)
        early = received.known_at.hour < 8
        return one and one._replace(fact=one.fact._replace(day=one.fact.day - early))

    monkeypatch.setitem(globals(), "learnt", a_day_early)


def _void_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fold_module._LEARN, facts_module.VOIDED, lambda e, fact: ())


def _old_money_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    real = fold_module._LEARN[facts_module.DRAWN]
    monkeypatch.setitem(
        fold_module._LEARN,
        facts_module.DRAWN,
        lambda e, fact: real(e, fact._replace(flags=facts_module.NEW_MONEY)),
    )


def _reversal_takes_the_drawdown_s_date(monkeypatch: pytest.MonkeyPatch) -> None:
    real = fold_module._LEARN[facts_module.REVERSED]
    monkeypatch.setitem(
        fold_module._LEARN,
        facts_module.REVERSED,
        lambda e, fact: real(e, fact._replace(day=e.draws.get(fact.ref, fact.day))),
    )


def _a_list_counts_from_its_own_day(monkeypatch: pytest.MonkeyPatch) -> None:
    real = fold_module._LEARN[facts_module.LISTED]
    monkeypatch.setitem(
        fold_module._LEARN,
        facts_module.LISTED,
        lambda e, fact: real(e, fact._replace(day=fact.day - 1)),
    )


def _a_list_goes_before_what_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    place = fold_module._LEARN[facts_module.CHANGED]
    monkeypatch.setitem(
        fold_module._LEARN,
        facts_module.LISTED,
        lambda e, fact: place(e, fact._replace(day=fact.day + 1)),
    )


def _who_is_cancelled_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fold_module._LEARN, facts_module.DISPOSED, lambda e, fact: ())


MUTANTS: tuple[Callable[[pytest.MonkeyPatch], None], ...] = (
    _no_overlap,
    _no_moved,
    _flow_reads_moved,
    _stock_without_moved,
    _outbox_clock,
    _sum_of_institutions,
    _utc_day,
    _void_is_ignored,
    _old_money_counts,
    _reversal_takes_the_drawdown_s_date,
    _a_list_counts_from_its_own_day,
    _a_list_goes_before_what_was_said,
    _who_is_cancelled_counts,
)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_broken_rule_does_not_pass(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)

    assert any(wrong_cells(seed)[0] for seed in range(30))


def test_the_histories_hold_what_they_should() -> None:
    types = Counter(
        type(r.event).__name__ for seed in range(5) for r in a_history(seed).teller.told
    )
    dates = {r.known_at.date() for seed in range(5) for r in a_history(seed).teller.told}

    assert len(types) >= 15
    assert min(dates) >= FIRST_KNOWN.date()
    assert max(dates) > date(2022, 4, 1) + timedelta(days=20)
