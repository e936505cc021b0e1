"""Files made to hurt are refused before they cost memory; honest ones with faults are read."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.embedded import ROOT
from tests.registry.files.awkward import files
from tests.registry.files.hostile import GOOD, HOSTILE, hostile

MOST_MORE_KB = 200 * 1024


def probe(paths: list[Path], kind: str = "enterprises") -> list[dict[str, Any]]:
    """How each file ended, in one limited process."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.registry.files.probe", kind],
        input="".join(f"{path}\n" for path in paths),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.timeout(400)
def test_S16_every_hostile_file_is_refused_and_none_costs_memory(tmp_path: Path) -> None:
    assert len({name for name, _, _ in HOSTILE}) == len(HOSTILE) >= 40
    good = tmp_path / "good"
    good.write_bytes(GOOD)
    paths, codes = [good], [""]
    for number, (_, content, code) in enumerate(hostile()):
        path = tmp_path / f"{number}.xlsx"
        path.write_bytes(content)
        paths.append(path)
        codes.append(code)
    found = probe(paths)
    assert len(found) == len(paths)  # it did not die
    names = ["good", *(name for name, _, _ in HOSTILE)]
    wrong = [
        (n, f["code"], c) for n, f, c in zip(names, found, codes, strict=True) if f["code"] != c
    ]
    assert wrong == [], wrong
    assert found[0]["rows"] == [[2, "taken"]]
    more = {n: f["most_kb"] - found[0]["most_kb"] for n, f in zip(names, found, strict=True)}
    assert more[names[-1]] <= MOST_MORE_KB, more


def test_R1_honest_lists_with_faults_have_each_its_report(tmp_path: Path) -> None:
    made = files()
    assert len({name for name, _, _ in made}) == len(made) >= 40
    paths = [tmp_path / f"{number}.xlsx" for number in range(len(made))]
    for path, (_, content, _) in zip(paths, made, strict=True):
        path.write_bytes(content)
    wrong: list[Any] = []
    for (name, _, expected), found in zip(made, probe(paths), strict=True):
        said = [(row, outcome, tuple(codes)) for row, outcome, *codes in found["rows"]]
        if found["code"] or said != expected:
            wrong.append((name, found["code"], said, expected))
    assert wrong == [], wrong
