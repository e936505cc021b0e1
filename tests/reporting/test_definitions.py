"""The definitions of metrics are data, and closed: no flow reads what moves stocks."""

from __future__ import annotations

import random
import re
from uuid import UUID

import pytest

from services.reporting.domain import kinds
from services.reporting.domain.figures import (
    BY_CODE,
    KINDS,
    METRICS,
    Metric,
    Sums,
    cell,
    value,
)  # fmt: skip
from services.reporting.domain.question import Counties, Scope, ask
from shared.kernel.errors import NotFound
from shared.kernel.periods import Quarter

PAGES = [
    "listed",
    "assigned",
    "visited",
    "visits",
    "matched",
    "matched_total",
    "lines_n",
    "lines_fen",
    "lines_n_total",
    "lines_fen_total",
    "granted_n",
    "granted_fen",
    "granted_n_total",
    "granted_fen_total",
    "balance_fen",
    "borrowers",
]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.code)
def test_ST_07_a_flow_never_reads_moves_and_a_stock_always_does(metric: Metric) -> None:
    moved = {kind for kind in metric.kinds if kind > kinds.MOVED}
    if metric.window == "stock":
        assert metric.kind in kinds.STOCKS
        assert moved == {metric.kind + kinds.MOVED}
    else:
        assert not moved


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.code)
def test_every_metric_names_the_rules_it_follows(metric: Metric) -> None:
    assert metric.st
    assert all(re.fullmatch(r"(ST|JS|JL)-\d\d", rule) for rule in metric.st)


def test_the_pages_find_every_metric_they_ask_for() -> None:
    assert set(PAGES) <= BY_CODE.keys()
    assert len(BY_CODE) == len(METRICS)


def test_a_whole_cell_is_the_value_of_each_metric() -> None:
    source = random.Random(1)
    sums = {kind: Sums(*(source.randrange(-9, 99) for _ in range(4))) for kind in KINDS}

    assert cell(sums) == {metric.code: value(metric, sums) for metric in METRICS}


@pytest.mark.parametrize(
    ("code", "first", "last"),
    [("320000", 320000, 329999), ("320500", 320500, 320599), ("320583", 320583, 320583)],
)
def test_ST_07_a_region_holds_its_counties(code: str, first: int, last: int) -> None:
    assert Counties.of(code) == Counties(first, last)


@pytest.mark.parametrize("region", ["320000", "320100", "320102"])
def test_a_bureau_that_asks_outside_its_city_asks_for_nothing_that_exists(region: str) -> None:
    with pytest.raises(NotFound):
        ask(
            scope=Scope(region_code="320500"),
            campaign_id=UUID(int=1),
            quarter=Quarter(2022, 3),
            known_at=None,
            region_code=region,
            institution_id=None,
        )
