"""Trees of any depth: five tiers of a province, and a bank's own campaign down to its outlets."""

import gzip
import json
from collections import Counter
from datetime import date
from itertools import pairwise
from typing import Any

import pytest

from services.allocation.domain.engine.verify import verify
from services.allocation.domain.model import branch_id
from services.allocation.usecases import publishing
from tests.allocation.world import BANKS, NANJING, SUZHOU, WUXI, Bank, World

DEEP = ("province", "bureau", "institution", "branch", "outlet", "contact")
ROOT = BANKS[1]


async def profile_with(world: World, base: str, **changes: Any) -> None:
    """Keep a shipped profile with changes as one of its own."""
    document = (await world.read(f"/profiles/{base}"))["document"] | {"version": 1} | changes
    saved = await world.regulator.post("/profiles", json={"document": document})
    assert saved.status_code == 201, saved.text


def more_outlets(bank: Bank, city: str) -> Any:
    """Two more outlets for a bank in a city, further out."""
    from shared.kernel.ids import derived_id

    near = bank.outlet(city)
    return [
        bank.outlet(
            city,
            outlet_id=derived_id("outlet", bank.code, city, "more", n),
            longitude_e6=near.longitude_e6 + 40_000 * n,
            relationship_managers=n,
        )
        for n in (1, 2)
    ]


async def exported(world: World, plan_id: str) -> Any:
    answer = await world.regulator.get(f"/plans/{plan_id}/export")
    assert answer.status_code == 200, answer.text
    return json.loads(gzip.decompress(answer.content))


async def live(world: World, tier: int) -> dict[str, Any]:
    return {one["enterprise_id"]: one for one in await world.assignments(tier=tier)}


async def test_A1_a_province_is_shared_out_through_five_tiers_each_resumable_and_checked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every publication is cut off once, after all its writes, and goes on as if it had not been."""
    cut, real = Counter[int](), publishing._make_binding

    async def cut_off(tx, campaign, plan):
        moved = await real(tx, campaign, plan)
        cut[plan.tier] += 1
        if cut[plan.tier] == 1:
            raise OSError("the machine went away")
        return moved

    await world.populate(per_city=12)
    await world.publish(one for bank in BANKS for city in (SUZHOU, WUXI) for one in
                        more_outlets(bank, city))  # fmt: skip
    await world.stack.settle()
    tiers = [{"tier": n, "from": a, "to": b} for n, (a, b) in enumerate(pairwise(DEEP), 1)]
    tiers[0] |= {"direct_city_code": NANJING}
    await profile_with(world, "jiangsu-2022", code="deep", tiers=tiers)
    await world.open(profile="deep")
    monkeypatch.setattr(publishing, "_make_binding", cut_off)
    for tier in (1, 2, 3, 4):
        plan = await world.make_binding(await world.plan(tier))
        assert cut[tier] == 2
        assert verify(await exported(world, plan["plan_id"])) == []
        for one in plan["cities"]:
            asked = {name: one[name] for name in ("city_code", "institution_id") if one[name]}
            assert (await world.read(f"/plans/{plan['plan_id']}/replay", **asked))["same"]
            assert one["proven"]
    early = await world.regulator.post(
        f"/campaigns/{world.campaign_id}/plans", json={"tier": 5, "seed": 1}
    )
    assert early.json()["code"] == "plan.tier_not_in_profile"

    duties, branches, outlets = [await live(world, tier) for tier in (2, 3, 4)]
    assert len(await live(world, 1)) == 24  # the capital's go directly to banks
    assert len(duties) == len(branches) == len(outlets) == 36
    for one, duty in duties.items():
        assert duty["institution_id"] == branches[one]["institution_id"]
        assert branches[one]["institution_id"] == outlets[one]["institution_id"]
        assert branches[one]["node_city"] == outlets[one]["node_city"]
        assert outlets[one]["node_outlet_id"]
    told = [data for _, data in await world.emitted("EnterpriseAssigned")]
    assert Counter((one["tier"], one["institution_id"] is not None) for one in told) == {
        (1, False): 24, (2, True): 36,
    }  # fmt: skip
    placed = [data for _, data in await world.emitted("EnterprisePlaced")]
    assert Counter((one["tier"], one["outlet_id"] is not None) for one in placed) == {
        (3, False): 36, (4, True): 36,
    }  # fmt: skip
    bank = BANKS[2]
    mine = await world.assignments(world.bank_head(bank), tier=4)
    assert {one["institution_id"] for one in mine} <= {str(bank.institution_id)}

    # A duty that ends takes what lies below it along; the next plan places only who is held.
    monkeypatch.setattr(publishing, "_make_binding", real)
    await world.publish(bank.outlet(city, active=False) for city in (NANJING, SUZHOU, WUXI))
    await world.stack.settle()
    again = await world.make_binding(await world.plan(2))
    moved = {one for one, duty in (await live(world, 2)).items()
             if duty["assignment_id"] != duties[one]["assignment_id"]}  # fmt: skip
    assert len(moved) == again["moved"] > 0
    assert (await live(world, 3)).keys() == (await live(world, 4)).keys() == duties.keys() - moved
    stale = await world.plan(3)
    await world.make_binding(await world.plan(2, seed=8))
    await world.check(stale)
    refused = await world.regulator.post(f"/plans/{stale}/publication")
    assert refused.json()["code"] == "plan.stale"
    for tier in (3, 4):
        await world.make_binding(await world.plan(tier))
        assert (await live(world, tier)).keys() == duties.keys()


async def test_A1_below_a_node_that_changes_nothing_stays_where_it_was(world: World) -> None:
    """Another city of the same bank, then another branch: what lay below goes with what it was."""
    await world.populate(per_city=4)
    await world.publish(bank.outlet(city, active=False) for bank in BANKS if bank != ROOT
                        for city in world.enterprise_ids)  # fmt: skip
    await world.stack.settle()
    tiers = [{"tier": n, "from": a, "to": b} for n, (a, b) in enumerate(pairwise(DEEP), 1)]
    await profile_with(world, "jiangsu-2022", code="deep", tiers=tiers)
    await world.open(profile="deep")
    for tier in (1, 2, 3, 4):
        await world.make_binding(await world.plan(tier))
    before = await live(world, 2)
    goes = world.enterprise_ids[SUZHOU][0]
    await world.publish([world.moved(goes, WUXI, date(2022, 4, 2))])
    await world.stack.settle()
    for tier in (1, 2):
        await world.make_binding(await world.plan(tier))
    after = await live(world, 2)
    assert before[str(goes)]["assignment_id"] == after[str(goes)]["assignment_id"]
    assert (before[str(goes)]["node_city"], after[str(goes)]["node_city"]) == (SUZHOU, WUXI)
    assert {one: row["node_city"] for one, row in before.items() if one != str(goes)} == {
        one: row["node_city"] for one, row in after.items() if one != str(goes)
    }
    for tier in (3, 4):
        assert (await live(world, tier)).keys() == before.keys() - {str(goes)}
        await world.make_binding(await world.plan(tier))
        assert (await live(world, tier)).keys() == before.keys()

    await world.publish([ROOT.outlet(WUXI, active=False)])
    await world.stack.settle()
    await world.make_binding(await world.plan(3))
    branches, outlets = await live(world, 3), await live(world, 4)
    assert WUXI not in {one["node_city"] for one in branches.values()}
    assert 0 < len(outlets) < len(branches) == len(before)
    assert all(row["node_city"] == branches[one]["node_city"] for one, row in outlets.items())


async def test_JL_31_each_branch_names_sub_branch_and_person_until_the_contact_rate_is_full(
    world: World,
) -> None:
    """A bank's own campaign: branches first, then their outlets, then people; all of the list."""
    await world.populate(per_city=10)
    await world.publish(one for city in (NANJING, SUZHOU) for one in more_outlets(ROOT, city))
    await world.stack.settle()
    scope = {"province_code": "320000", "list_kind": "four_tech", "led_by": "bank"}
    await profile_with(world, "jilin-pojian", code="bank-led", scope=scope)
    await world.open(profile="bank-led", institution_id=str(ROOT.institution_id))
    early = await world.regulator.post(
        f"/campaigns/{world.campaign_id}/plans", json={"tier": 2, "seed": 1}
    )
    assert early.json()["code"] == "plan.no_base"
    for tier in (1, 2):
        plan = await world.make_binding(await world.plan(tier))
        assert (plan["assigned"], plan["unassigned"]) == (30, 0)
        assert sum(one["quota"] for one in plan["load"]) == 30
        assert all(one["assigned"] <= one["capacity"] for one in plan["load"])
        assert verify(await exported(world, plan["plan_id"])) == []
        rows = (await world.read(f"/plans/{plan['plan_id']}/assignments", limit=100))["items"]
        node = {1: "分行", 2: "网点"}[tier]
        assert all(f"最近的{node}" in one["words"] or f"可选{node}" in one["words"] for one in rows)
        assert any(f"另一家{node}" in one["words"] for one in rows)
        assert not [one["words"] for one in rows if "家机构" in one["words"]]
    duties, outlets = await live(world, 1), await live(world, 2)
    assert {one["institution_id"] for one in duties.values()} == {str(ROOT.institution_id)}
    assert {one["node_city"] for one in duties.values()} == {NANJING, SUZHOU, WUXI}
    nodes = {one["node_id"] for one in duties.values()}
    assert nodes == {str(branch_id(ROOT.institution_id, city)) for city in (NANJING, SUZHOU, WUXI)}
    assert len({one["node_outlet_id"] for one in outlets.values()}) > 3
    told = [data for _, data in await world.emitted("EnterpriseAssigned")]
    assert Counter(one["tier"] for one in told) == {1: 30}
    rotation = await world.regulator.post(
        f"/campaigns/{world.campaign_id}/rotations", json={"rotated_on": "2022-04-02", "seed": 1}
    )
    assert (rotation.status_code, rotation.json()["code"]) == (409, "rotation.one_bank")

    asked = {"campaign_id": world.campaign_id}
    load = await world.read("/load", **asked)
    assert [(one["node_city"], one["contact_rate"]) for one in load["items"]] == [
        (NANJING, 0), (WUXI, 0), (SUZHOU, 0),
    ]  # fmt: skip
    head = world.bank_head(ROOT)
    suggested = (await world.read("/contacts/suggestions", head, limit=500, **asked))["items"]
    placed = {duties[one]["assignment_id"]: outlets[one]["node_outlet_id"] for one in duties}
    staffed = {str(ROOT.outlet_id(city)) for city in (NANJING, SUZHOU, WUXI)}
    for one in suggested:  # people sit at the first outlet of each city only
        assert one["at_nearest"] == (placed[one["assignment_id"]] in staffed)
    for city in (NANJING, SUZHOU, WUXI):
        rows = [one for one in duties.values() if one["node_city"] == city]
        branch = world.branch_head(ROOT, city)
        named = await world.name_contacts(ROOT, city, rows, branch)
        assert (named.json()["named"], named.json()["refused"]) == (len(rows), 0)
    load = await world.read("/load", **asked)
    assert {one["contact_rate"] for one in load["items"]} == {1}
    assert (await world.read("/contacts/missing", **asked))["items"] == []
