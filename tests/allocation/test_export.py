"""A published plan is checked with the file, the verifier and numpy alone, without the platform."""

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import venv
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from services.allocation.domain.engine import verify as verifier
from services.allocation.domain.engine.verify import digest, distances, verify, ways_to_banks
from tests.allocation.world import BANKS, NANJING, SEPTEMBER, SUZHOU, WUXI, World

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


def other_choice(part: Any, choice: list[int]) -> dict[str, Any]:
    """A part's fields with another choice, and all that follows from it told to match."""
    metres = ways_to_banks(part)[range(len(choice)), choice].tolist()
    told = digest(part["enterprises"]["id"], part["banks"]["id"], np.array(choice))
    return {"choice": choice, "metres": metres, "digest": told}


def other_seats(part: Any, seat: list[int]) -> dict[str, Any]:
    """The same for another seat of each."""
    outlets, firms = part["outlets"], part["enterprises"]
    each = np.arange(len(outlets["id"]))
    ways = distances(firms, outlets, each, len(each))[range(len(seat)), seat].tolist()
    told = digest(firms["id"], outlets["id"], np.array(seat))
    choice = [outlets["bank"][one] for one in seat]
    return {"seat": seat, "choice": choice, "metres": ways, "digest": told}


def fault(document: Any) -> str:
    """The one thing that is wrong."""
    (found,) = verify(document)
    return str(found)


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
    assert "not proven optimal" in fault(changed(document, **other_choice(city, swapped)))
    assert "最优 and is optimal" in checked.stdout
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


async def test_U8_every_tier_is_exported_and_a_lie_about_who_leaves_its_city_is_found(
    world: World, elsewhere: Path
) -> None:
    """A city whose banks declare too little sends its surplus to the capital, the nearest first."""
    await world.populate()
    await world.publish(
        bank.outlet(city, service_capacity=size)
        for bank in BANKS
        for city, size in ((NANJING, 6), (SUZHOU, 2), (WUXI, 4))
    )
    await world.stack.settle()
    await world.open()
    plan = await world.plan(1)
    answer = await world.regulator.get(f"/plans/{plan}/export")
    assert answer.status_code == 200, answer.text
    file = elsewhere / "tier-1.json.gz"
    file.write_bytes(answer.content)
    checked = run(elsewhere, file)
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
    document = json.loads(gzip.decompress(answer.content))
    assert (document["plan"]["assigned"], document["plan"]["direct"]) == (32, 28)
    (part,) = document["cities"]
    moved = [row for row, way in enumerate(part["metres"]) if way >= 0]
    assert len(moved) == 8
    stays = next(
        row for row, to in enumerate(part["to"]) if to == part["enterprises"]["city"][moved[0]]
    )
    other = part | {name: part[name].copy() for name in ("to", "direct", "metres")}
    for name in ("to", "direct", "metres"):
        here, there = other[name][moved[0]], other[name][stays]
        other[name][moved[0]], other[name][stays] = there, here
    desks = part["outlets"]
    ways = distances(part["enterprises"], desks, [0] * len(desks["id"]), 1)
    other["metres"][stays] = int(ways[stays, 0])
    codes, kinds = part["cities"]["code"], ("bureau", "institution")
    raw = b"".join(
        UUID(one).bytes + f"{codes[to]} {kinds[direct]}\n".encode()
        for one, to, direct in zip(
            part["enterprises"]["id"], other["to"], other["direct"], strict=True
        )
    )
    other["digest"] = hashlib.sha256(raw).hexdigest()
    told = {name: other[name] for name in ("to", "direct", "metres", "digest")}
    assert "others are nearer" in fault(changed(document, **told))
    wrong = [
        changed(document, **told),
        changed(document, metres=[one + 1 for one in part["metres"]]),
        changed(document, seed=part["seed"] + 1) if tied(part) else changed(document, digest=""),
        changed(document, cities=part["cities"] | {"room": [99, 99, 99]}),
        document | {"plan": document["plan"] | {"assigned": 33}},
    ]
    for lie in wrong:
        assert verify(lie) != []
    replayed = await world.read(f"/plans/{plan}/replay", city_code=part["city"])
    assert replayed["same"]


def tied(part: Any) -> bool:
    """Whether the lottery decided who goes."""
    ways = [way for way in part["metres"] if way >= 0]
    return ways.count(max(ways)) > 1


async def test_U8_a_joint_plan_seats_everybody_and_is_checked_elsewhere(
    world: World, elsewhere: Path
) -> None:
    await world.populate()
    await world.open()
    await world.make_binding(await world.plan(1))
    plan_id = await world.plan(2, form="joint")
    view = await world.read(f"/plans/{plan_id}")
    assert (view["form"], view["assigned"], view["unassigned"]) == ("joint", 60, 0)
    assert all(int(one["cost"]) >= int(one["bound"]) > 0 for one in view["cities"])
    rows = (await world.read(f"/plans/{plan_id}/assignments", limit=500))["items"]
    assert all(one["reason"]["seated"] and one["nearest_outlet_id"] for one in rows)
    assert all("名额" in one["words"] for one in rows)
    for city in world.enterprise_ids:
        assert (await world.read(f"/plans/{plan_id}/replay", city_code=city))["same"]
    await world.make_binding(plan_id)
    assert len(await world.holders()) == 60
    raw = await exported(world)
    file = elsewhere / "joint.json.gz"
    file.write_bytes(raw)
    checked = run(elsewhere, file)
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
    document = json.loads(gzip.decompress(raw))
    city = document["cities"][0]
    outlets = city["outlets"]
    seat, other = city["seat"][0], next(one for one in city["seat"] if one != city["seat"][0])
    swapped = [other if one == seat else seat if one == other else one for one in city["seat"]]
    lies = [
        changed(document, seat=swapped),
        changed(document, seat=[seat] * len(city["seat"])),
        changed(document, metres=[one + 1 for one in city["metres"]]),
        changed(document, outlets=outlets | {"capacity": [0] * len(outlets["id"])}),
        changed(document, outlets=outlets | {"price": [10**15] * len(outlets["id"])}),
        changed(document, overflow_m=1),
        changed(document, digest="0" * 64),
    ]
    for lie in lies:
        assert verify(lie) != []
    # With everything told to match a seat is admissible, but nothing proves that it is good.
    dealt = city["seat"][::-1]
    for hard_bp in (city["policy"]["hard_bp"], None):
        policy = city["policy"] | {"hard_bp": hard_bp}
        lie = changed(document, policy=policy, **other_seats(city, dealt))
        assert "not proven: costs" in fault(lie)
    gaps = [int(one["cost"]) - int(one["bound"]) for one in view["cities"]]
    assert ("optimal" in checked.stdout) == (not any(gaps))
    assert ("of the bound" in checked.stdout) == any(gaps)


async def test_U8_regulator_and_auditor_export_and_a_plan_that_is_not_solved_has_no_file(
    world: World,
) -> None:
    await world.populate()
    await world.open()
    plan = await world.plan(1)
    auditor = world.stack.caller("allocation", "auditor")
    for caller in (world.regulator, auditor):
        assert (await caller.get(f"/plans/{plan}/export")).status_code == 200
        assert (await caller.get(f"/plans/{plan}")).status_code == 200
        seen = await caller.get(f"/plans/{plan}/assignments", params={"limit": 500})
        assert len(seen.json()["items"]) == 60
    asked = {"city_code": "320000"}
    assert (await auditor.get(f"/plans/{plan}/replay", params=asked)).json()["same"]
    listed = await auditor.get("/plans", params={"campaign_id": world.campaign_id})
    assert [one["plan_id"] for one in listed.json()["items"]] == [plan]
    for path in ("check", "publication"):
        assert (await auditor.post(f"/plans/{plan}/{path}")).status_code == 403
    refused = await world.bank_head(BANKS[0]).get(f"/plans/{plan}/export")
    assert refused.status_code == 403
    await world.publish(bank.changed(active=False) for bank in BANKS)
    await world.stack.settle()
    asked_for = await world.regulator.post(
        f"/campaigns/{world.campaign_id}/plans", json={"tier": 1, "seed": 1}
    )
    await world.stack.settle()
    answer = await world.regulator.get(f"/plans/{asked_for.json()['plan_id']}/export")
    assert (answer.status_code, answer.json()["code"]) == (409, "plan.not_exportable")
