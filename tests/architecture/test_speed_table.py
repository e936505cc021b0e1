"""The README's table of speeds is what `./yinqi bench --table` makes of the kept results."""

import pytest

from benchmarks.table import README, table, with_table


def test_the_readme_shows_the_kept_results() -> None:
    readme = README.read_text(encoding="utf-8")
    assert with_table(readme, table()) == readme


def test_a_readme_without_marks_is_left_alone() -> None:
    with pytest.raises(ValueError, match="lacks"):
        with_table("# nothing here", "| row |")
