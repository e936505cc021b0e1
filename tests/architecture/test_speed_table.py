"""The README's table of speeds is what `./yinqi bench --table` makes of the kept results."""

import pytest

from benchmarks.table import README, TITLES, table, with_table


def test_the_readme_shows_the_kept_results() -> None:
    readme = README.read_text(encoding="utf-8")
    assert with_table(readme, table()) == readme


def test_an_aim_that_a_result_has_no_longer_is_not_left_out_in_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(TITLES, "import", {"an aim that was renamed": "改过名的目标"})
    with pytest.raises(KeyError, match="renamed"):
        table()


def test_a_readme_without_marks_is_left_alone() -> None:
    with pytest.raises(ValueError, match="lacks"):
        with_table("# nothing here", "| row |")
