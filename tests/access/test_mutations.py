"""The mutations fit the sources, and were all noticed when they were last tried."""

import json
from dataclasses import asdict

import pytest

from tests.access.mutations import MUTATIONS, RESULT, ROOT, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: f"{one.threat} {one.file}")
def test_a_mutation_takes_out_what_stands_there_once(mutation: Mutation) -> None:
    whole = (ROOT / mutation.file).read_text(encoding="utf-8")
    path, _, name = mutation.test.partition("::")

    assert whole.count(mutation.protects) == 1
    assert mutation.without != mutation.protects
    assert f"def {name.partition('[')[0]}(" in (ROOT / path).read_text(encoding="utf-8")
    assert mutation.threat in name


def test_the_kept_result_is_of_these_mutations_and_all_were_noticed() -> None:
    """After a change there: `python -m tests.access.mutations`."""
    kept = json.loads(RESULT.read_text(encoding="utf-8"))

    assert kept["mutations"] == [asdict(one) | {"noticed": True} for one in MUTATIONS]
    assert kept["noticed"] == kept["tried"] == len(MUTATIONS) >= 5
