"""The industry map: dated editions, what changed since the last, tables and points."""

import csv
import io
from typing import Any
from uuid import uuid4

import pytest

from tests.registry.sheets import TODAY, VINTAGE, firm, imported, lines_of, uscc, xlsx
from tests.registry.test_enterprises import BANK_A, assigned, enterprise
from tests.support.stack import Caller, Stack


@pytest.fixture
async def regulator(stack: Stack) -> Caller:
    """Three listed enterprises."""
    await stack.set_clock(TODAY)
    caller = stack.caller("registry", "province_regulator")
    rows = [firm(1), firm(2, 所属行业="65"), firm(3, 经营地址="昆山市样例路3号", 所属行业="")]
    await imported(stack, caller, xlsx(lines_of(rows)))
    return caller


async def issued(caller: Caller, title: str = "第一期", vintage: str = VINTAGE) -> dict[str, Any]:
    answer = await caller.post("/map-editions", json={"title": title, "list_vintage": vintage})
    assert answer.status_code == 201, answer.text
    edition: dict[str, Any] = answer.json()
    return edition


async def certified(caller: Caller, number: int, until: str | None) -> None:
    body = {"as_of": "2022-04-01", "source": "证书", "facts": {"high_tech_until": until}}
    answer = await caller.post(f"/enterprises/{enterprise(number)}/facts", json=body)
    assert answer.status_code == 201


async def test_JL_30_an_edition_is_by_industry_and_place_and_stays(
    stack: Stack, regulator: Caller
) -> None:
    await certified(regulator, 1, "2023-01-01")
    await certified(regulator, 2, "2022-04-07")  # ran out the day before
    first = await issued(regulator)
    assert (first["edition"], first["enterprises"], first["issued_on"]) == (1, 3, "2022-04-08")
    table = (await regulator.get("/map-editions/1/table")).json()["items"]
    cells = {
        (c["region_code"], c["industry_code"]): (c["enterprises"], c["listed"], c["high_tech"])
        for c in table
    }
    assert cells == {
        ("320505", "35"): (1, 1, 1), ("320505", "65"): (1, 1, 0), ("320583", None): (1, 1, 0),
    }  # fmt: skip
    only = await regulator.get("/map-editions/1/table", params={"industry_code": "I"})
    assert [c["industry_code"] for c in only.json()["items"]] == ["65"]
    points = (await regulator.get("/map-editions/1/geojson")).json()
    assert points["type"] == "FeatureCollection"
    here = {f["properties"]["region_code"]: f for f in points["features"]}
    assert here["320505"]["properties"]["enterprises"] == 2
    assert here["320505"]["properties"]["industries"] == {"35": 1, "65": 1}
    longitude, latitude = here["320583"]["geometry"]["coordinates"]
    assert 120 < longitude < 122
    assert 31 < latitude < 32
    # What happens afterwards is in the next edition, never in this one.
    path = f"/enterprises/{enterprise(1)}"
    moved = {"region_code": "320506", "valid_from": "2022-04-01", "reason": "迁址"}
    assert (
        await regulator("PATCH", path, json=moved, headers={"if-match": '"1"'})
    ).status_code == 200
    assert (await regulator.get("/map-editions/1/table")).json()["items"] == table


async def test_JL_30_the_next_edition_shows_what_changed(stack: Stack, regulator: Caller) -> None:
    await issued(regulator)
    first = (await regulator.get("/map-editions/1/changes")).json()
    assert (first["older"], first["counts"]["new"]) == (None, 3)
    await stack.set_clock("2023-04-08T09:00:00+08:00")
    rows = [
        firm(1, 经营地址="昆山市样例路1号"), firm(2, 所属行业="64"), firm(4),
    ]  # fmt: skip
    await imported(stack, regulator, xlsx(lines_of(rows)), list_vintage="2022-12-31")
    second = await issued(regulator, "第二期", "2022-12-31")
    assert second["edition"] == 2
    changes = (await regulator.get("/map-editions/2/changes")).json()
    assert changes == {
        "older": 1, "counts": {"new": 1, "gone": 1, "moved": 1, "industry": 1, "standing": 0},
    }  # fmt: skip
    items = (await regulator.get("/map-editions/2/changes/enterprises")).json()["items"]
    told = {each["uscc"]: each["change"] for each in items}
    assert told == {uscc(1): "moved", uscc(2): "industry", uscc(3): "gone", uscc(4): "new"}
    body = {"format": "csv", "purpose": "下发支行"}
    answer = await regulator.post("/map-editions/2/exports", json=body)
    await stack.settle()
    file = await regulator.get(f"/exports/{answer.json()['export_id']}/file")
    assert len(list(csv.reader(io.StringIO(file.content.decode("utf-8-sig"))))) == 4


async def test_M1_a_branch_sees_the_edition_and_by_name_only_its_own(
    stack: Stack, regulator: Caller
) -> None:
    await issued(regulator)
    await stack.publish(assigned(2, BANK_A, uuid4()))
    await stack.settle()
    branch = stack.caller("registry", "relationship_manager", institution_id=BANK_A)
    assert len((await branch.get("/map-editions/1/table")).json()["items"]) == 3
    named = (await branch.get("/map-editions/1/enterprises")).json()["items"]
    assert [each["uscc"] for each in named] == [uscc(2)]
    assert (await branch.get("/map-editions/9/table")).json()["code"] == "map.unknown"
    refused = await branch.post("/map-editions", json={"title": "自制", "list_vintage": VINTAGE})
    assert refused.status_code == 403
    unknown = await regulator.post(
        "/map-editions", json={"title": "未知", "list_vintage": "2019-12-31"}
    )
    assert unknown.json()["code"] == "list.unknown"
