"""Who sees what: what a caller may not see does not exist."""

from datetime import date
from uuid import uuid4

import pytest

from shared.contracts.identity import Role
from tests.credit.world import (
    KUNSHAN,
    NANJING,
    SUZHOU,
    A,
    B,
    World,
    application,
    enterprise_id,
    line,
    listed,
    loan,
    moved,
    uscc,
)


async def books(world: World) -> tuple[str, str]:
    """A loan and line of bank A in Kunshan, of bank B in Nanjing; the loans' ids."""
    await world.stack.publish(listed(7, region=NANJING))
    await world.stack.settle()
    await world.pushed("lines", line())
    await world.pushed("lines", line(7, outlet_code="001"), bank=B)
    [of_a] = await world.pushed("loans", loan())
    [of_b] = await world.pushed("loans", loan(7, outlet_id=str(B.outlet_id)), bank=B)
    return of_a, of_b


async def test_another_banks_loan_does_not_exist(world: World) -> None:
    of_a, _ = await books(world)
    for caller in (world.head(B), world.manager(B), world.core(B)):
        theirs = await caller.get(f"/loans/{of_a}")
        missing = await caller.get(f"/loans/{uuid4()}")
        assert (theirs.status_code, missing.status_code) == (404, 404)
        same = [{k: v for k, v in r.json().items() if k != "trace_id"} for r in (theirs, missing)]
        assert same[0] == same[1]


async def test_each_sees_their_own_part_of_the_book(world: World) -> None:
    of_a, of_b = await books(world)
    expected = {
        world.head(A): [of_a],
        world.manager(A): [of_a],
        world.core(B): [of_b],
        world.bureau(SUZHOU): [of_a],
        world.bureau("320100"): [of_b],
        world.bureau("320200"): [],
        world.regulator(): [of_a, of_b],
        world.stack.caller("credit", "bureau"): [],
        world.stack.caller("credit", "relationship_manager"): [],
    }
    for caller, loans in expected.items():
        found = (await caller.get("/loans")).json()["items"]
        assert sorted(each["loan_id"] for each in found) == sorted(loans)
        lines = (await caller.get("/lines")).json()["items"]
        assert len(lines) == len(loans)
        for loan_id in (of_a, of_b):
            answer = await caller.get(f"/loans/{loan_id}")
            assert answer.status_code == (200 if loan_id in loans else 404)


async def test_a_bureau_sees_an_enterprise_from_the_day_it_moves_in(world: World) -> None:
    of_a, _ = await books(world)
    await world.stack.publish(
        moved(1, region=NANJING, on=date(2022, 8, 15)),
        moved(7, region=KUNSHAN, on=date(2022, 8, 16)),
    )
    await world.stack.settle()
    assert (await world.bureau(SUZHOU).get(f"/loans/{of_a}")).status_code == 404
    assert (await world.bureau("320100").get(f"/loans/{of_a}")).status_code == 200
    assert (await world.bureau(SUZHOU).get("/loans")).json()["items"] == []
    await world.stack.set_clock("2022-08-16T00:00:01+08:00")
    assert len((await world.bureau(SUZHOU).get("/loans")).json()["items"]) == 1


@pytest.mark.parametrize(
    "role",
    ["relationship_manager", "branch_head", "bureau", "province_regulator", "platform_admin"],
)
async def test_only_a_banks_core_or_head_office_pushes(world: World, role: Role) -> None:
    caller = world.stack.caller("credit", role, institution_id=A.institution_id)
    for kind in ("lines", "loans", "drawdowns", "repayments", "reversals"):
        answer = await caller.post(f"/{kind}:batch", json={"rows": [loan()]})
        assert (answer.status_code, answer.json()["code"]) == (403, "access.role")


async def test_a_head_office_may_push_and_an_account_without_a_bank_may_not(world: World) -> None:
    answer = await world.head().post("/loans:batch", json={"rows": [loan()]})
    assert answer.json()["counts"]["created"] == 1
    nobody = world.stack.caller("credit", "bank_core")
    answer = await nobody.post("/loans:batch", json={"rows": [loan(2)]})
    assert (answer.status_code, answer.json()["code"]) == (403, "access.institution")


async def test_a_row_of_another_banks_loan_is_unknown(world: World) -> None:
    await world.pushed("loans", loan())
    [answer] = await world.push(
        "drawdowns",
        {"external_id": "D1", "loan_external_id": "N1", "amount": "1.00", "drawn_on": "2022-06-10"},
        bank=B,
    )
    assert answer["errors"][0]["code"] == "loan.unknown"


async def test_applications_are_seen_like_loans(world: World) -> None:
    filed = (await world.manager().post("/applications", json=application())).json()
    path = f"/applications/{filed['application_id']}"
    for caller, status in (
        (world.head(A), 200),
        (world.head(B), 404),
        (world.bureau(SUZHOU), 200),
        (world.bureau("320100"), 404),
        (world.regulator(), 200),
    ):
        assert (await caller.get(path)).status_code == status
        page = (await caller.get("/applications")).json()["items"]
        assert len(page) == (1 if status == 200 else 0)


async def test_pages_follow_one_another_without_gap_or_repeat(world: World) -> None:
    rows = [loan(1, external_id=f"N{n}", granted_on=f"2022-06-0{n % 3 + 1}") for n in range(7)]
    ids = await world.pushed("loans", *rows)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = (await world.head().get("/loans", params=params)).json()
        seen += [each["loan_id"] for each in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert sorted(seen) == sorted(ids)
    assert len(seen) == 7


@pytest.mark.parametrize("cursor", ["!!", "WzEsMl0", "W10", "bnVsbA"])
async def test_a_broken_cursor_is_refused(world: World, cursor: str) -> None:
    for path in ("/loans", "/lines", "/applications"):
        answer = await world.head().get(path, params={"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (422, "page.cursor")


async def test_lists_can_be_narrowed(world: World) -> None:
    await books(world)
    firm = {"enterprise_id": str(enterprise_id(7))}
    assert [
        x["uscc"] for x in (await world.regulator().get("/loans", params=firm)).json()["items"]
    ] == [uscc(7)]
    bank = {"institution_id": str(A.institution_id)}
    assert [
        x["uscc"] for x in (await world.regulator().get("/lines", params=bank)).json()["items"]
    ] == [uscc(1)]
    assert (await world.head(B).get("/loans", params=bank)).json()["items"] == []
