"""A published plan is checked with the file, the verifier and numpy alone, without the platform."""

import gzip
import json
import shutil
import subprocess
import sys
import venv
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.allocation.domain.engine import verify as verifier
from services.allocation.domain.engine.verify import verify
from tests.allocation.world import BANKS, SEPTEMBER, World

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A Python environment with nothing in it but numpy, and a copy of the verifier."""
    venv.create(tmp_path / "venv", with_pip=False)
    (place,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    ours = Path(np.__file__).parent.parent
    for name in ("numpy", "numpy.libs"):
        if (ours / name).exists():
            (place / name).symlink_to(ours / name)
    shutil.copy(verifier.__file__, tmp_path / "verify.py")
    return tmp_path


def run(elsewhere: Path, file: Path) -> subprocess.CompletedProcess[str]:
    python = elsewhere / "venv" / "bin" / "python"
    return subprocess.run(
        [python, "-I", "verify.py", file],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=False,
    )


def run_ours(file: Path) -> int:
    command = [sys.executable, "-m", "services", "allocation", "verify", file]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode


async def exported(world: World) -> bytes:
    (plan, *_) = (await world.read("/plans", campaign_id=world.campaign_id))["items"]
    answer = await world.regulator.get(f"/plans/{plan['plan_id']}/export")
    assert answer.status_code == 200, answer.text
    return answer.content


def changed(document: Any, **fields: Any) -> Any:
    copy = json.loads(json.dumps(document))
    copy["cities"][0] |= fields
    return copy


async def test_U8_an_auditor_checks_a_published_plan_without_the_platform(
    world: World, elsewhere: Path
) -> None:
    await world.populate()
    await world.open()
    await world.share_out()
    raw = await exported(world)
    file = elsewhere / "plan.json.gz"
    file.write_bytes(raw)
    checked = run(elsewhere, file)
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
    assert "60 户已分配" in checked.stdout

    document = json.loads(gzip.decompress(raw))
    city = document["cities"][0]
    assert verify(document) == []
    swapped = city["choice"].copy()
    other = next(at for at, bank in enumerate(swapped) if bank != swapped[0])
    swapped[0], swapped[other] = swapped[other], swapped[0]
    crowded = [0] * len(swapped)
    cheaper = {"easy": [0] * len(city["banks"]["id"]), "hard": [0] * len(city["banks"]["id"])}
    lies = [
        changed(document, choice=swapped),
        changed(document, choice=crowded),
        changed(document, prices=cheaper),
        changed(document, metres=[one + 1 for one in city["metres"]]),
        changed(document, digest="0" * 64),
        changed(document, policy=city["policy"] | {"seed": city["policy"]["seed"] + 1}),
        document | {"plan": document["plan"] | {"assigned": 59}},
        document | {"cities": [*document["cities"], city]},
    ]
    for lie in lies:
        assert verify(lie) != []
    file.write_bytes(json.dumps(lies[0]).encode())
    assert run(elsewhere, file).returncode == 1
    file.write_bytes(b"{}")
    assert run(elsewhere, file).returncode == 1
    file.write_bytes(b"not json")
    assert run(elsewhere, file).returncode == 2
    assert run_ours(file) == 2


async def test_U8_a_rotation_is_exported_with_those_who_stayed(world: World) -> None:
    await world.populate()
    await world.open()
    await world.share_out()
    await world.stack.set_clock(SEPTEMBER)
    (enterprise_id, _) = next(iter((await world.holders()).items()))
    await world.publish([world.loan(enterprise_id, BANKS[0], date(2022, 6, 1))])
    await world.stack.settle()
    plan = await world.rotate()
    document = json.loads(gzip.decompress(await exported(world)))
    assert verify(document) == []
    assert document["plan"]["round"] == plan["round"] == 2
    assert document["plan"]["kept"] == 1


async def test_U8_only_the_regulator_exports_and_only_the_last_tier(world: World) -> None:
    await world.populate()
    await world.open()
    plan = await world.plan(1)
    answer = await world.regulator.get(f"/plans/{plan}/export")
    assert (answer.status_code, answer.json()["code"]) == (409, "plan.not_exportable")
    refused = await world.bank_head(BANKS[0]).get(f"/plans/{plan}/export")
    assert refused.status_code == 403
