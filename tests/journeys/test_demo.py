"""What `yinqi demo` does about data that is already there."""

from pathlib import Path

import pytest

from services.demo import Demo, DemoError, State, _write_state, check


def a_state(**changes: object) -> State:
    values: dict[str, object] = {
        "state": "done",
        "size": "small",
        "seed": 7,
        "transport": "log",
        "own_files": False,
        "campaign_id": "c",
    }
    return State(**(values | changes))  # type: ignore[arg-type]


def test_an_empty_folder_begins_a_campaign(tmp_path: Path) -> None:
    assert check(Demo(home=tmp_path)) is None


def test_a_finished_campaign_is_shown_and_not_run_again(tmp_path: Path) -> None:
    _write_state(tmp_path / "demo", a_state())
    assert check(Demo(home=tmp_path)) == a_state()


def test_a_run_that_was_cut_short_says_so_and_offers_reset(tmp_path: Path) -> None:
    _write_state(tmp_path / "demo", a_state(state="running"))
    with pytest.raises(DemoError, match=r"中途停止.*reset"):
        check(Demo(home=tmp_path))


def test_a_demo_never_mixes_with_other_data(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    with pytest.raises(DemoError, match="已有其他数据"):
        check(Demo(home=tmp_path))


def test_a_campaign_stays_on_its_transport(tmp_path: Path) -> None:
    _write_state(tmp_path / "demo", a_state())
    with pytest.raises(DemoError, match="log"):
        check(Demo(home=tmp_path, transport="kafka"))


def test_the_users_files_come_in_a_pair_and_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="--outlets"):
        check(Demo(home=tmp_path, list_file=tmp_path))
    missing = tmp_path / "none.csv"
    with pytest.raises(DemoError, match="no such file"):
        check(Demo(home=tmp_path, list_file=missing, outlets_file=missing))
