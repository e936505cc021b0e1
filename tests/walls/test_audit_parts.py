"""S20: a trail too long for one call is verified part by part, and nothing is lost between them."""

from typing import Any
from uuid import UUID, uuid4, uuid5

import asyncpg
import pytest

from shared.platform import audit_check, audit_verify
from shared.platform.audit import Chain
from tests.support.stack import Caller, Stack
from tests.walls.conftest import Superuser
from tests.walls.test_tenants import REGULATOR, SPACE, bank

ORGS = (str(bank(0).institution_id), str(bank(1).institution_id))


@pytest.fixture
async def anyone(everything: Stack, superuser: Superuser) -> asyncpg.Connection:
    """Who may tamper with a trail of 120 lines, 40 for each of three organisations."""
    await everything.set_clock("2022-04-08T09:00:00+08:00")
    for n in range(60):
        async with everything.database("visits").transaction(
            (bank(0), bank(1), REGULATOR)[n % 3]
        ) as tx:
            for half in range(2):
                tx.audit("test.line", uuid5(SPACE, f"{n} {half}"), after={"n": n})
    anyone = await superuser("visits")
    chain = Chain()
    while await chain.link(anyone):
        pass
    await anyone.execute("set session_replication_role = replica")
    return anyone


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """One chunk a call, and not one chain ends where a chunk does."""
    monkeypatch.setattr(audit_check, "CHUNK", 15)
    monkeypatch.setattr(audit_verify, "PART_SECONDS", 0.0)


async def verified(caller: Caller) -> list[dict[str, Any]]:
    """What each part said, until the last."""
    parts: list[dict[str, Any]] = []
    while not parts or parts[-1]["next_cursor"]:
        query = {"cursor": parts[-1]["next_cursor"]} if parts else {}
        answer = await caller.post("/audit/verification", params=query)
        assert answer.status_code == 200, answer.text
        parts.append(answer.json())
    return parts


FOUND = ("lines", "chains", "heads", "misfits", "first")


@pytest.mark.usefixtures("in_parts")
async def test_S20_parts_find_what_one_pass_finds_and_only_the_end_is_a_result(
    everything: Stack, anyone: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor = everything.caller("visits", "auditor")
    *before, last = await verified(auditor)
    assert len(before) >= 8
    assert [part["lines"] for part in before[:3]] == [15, 30, 45]
    assert len({part["next_cursor"] for part in before}) == 1
    assert (last["lines"], last["chains"], last["misfits"]) == (120, 3, 0)
    assert set(last["heads"].values()) == {40}
    told = await anyone.fetch(
        "select action, count(*) as n from audit where action like 'audit.%' group by 1"
    )
    assert {row["action"]: row["n"] for row in told} == {
        "audit.verified": 1, "audit.verifying": len(before),
    }  # fmt: skip
    monkeypatch.setattr(audit_verify, "PART_SECONDS", 60.0)
    (whole,) = await verified(auditor)
    assert {name: whole[name] for name in FOUND} == {name: last[name] for name in FOUND}


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize("n", [1, 15, 16, 31, 40])
async def test_S20_the_first_bad_row_is_named_whatever_part_it_lies_in(
    everything: Stack, anyone: asyncpg.Connection, n: int
) -> None:
    for org, change in zip(ORGS, ("hash = sha256(hash)", "prev = sha256(prev)"), strict=True):
        await anyone.execute(f"update audit_link set {change} where org = $1 and n = $2", org, n)
    last = (await verified(everything.caller("visits", "auditor")))[-1]
    assert (last["misfits"], last["lines"]) == (2, 40 + 2 * (n - 1))
    assert (last["first"]["org"], last["first"]["n"]) == (min(ORGS), n)
    head = everything.caller("visits", "bank_head", institution_id=UUID(ORGS[1]))
    own = (await verified(head))[-1]
    assert (own["misfits"], own["first"]["n"], own["lines"]) == (1, n, n - 1)


@pytest.mark.usefixtures("in_parts")
async def test_S20_a_line_slipped_in_is_found_though_its_link_has_a_number_below_one(
    everything: Stack, anyone: asyncpg.Connection
) -> None:
    insert = (
        "insert into audit (at, actor, org, action, subject, trace) values"
        " (yinqi_now() - interval '3 days', 'x', $1, 'x', 'x', '') returning id"
    )
    head = everything.caller("visits", "bank_head", institution_id=UUID(ORGS[0]))
    loose = await anyone.fetchval(insert, ORGS[0])
    found = (await verified(head))[-1]
    assert (found["misfits"], found["first"]["what"]) == (1, "not_chained")
    await anyone.execute(
        "insert into audit_link values ($1, -1, $2, sha256(''), sha256('forged'))", ORGS[0], loose
    )
    found = (await verified(head))[-1]
    assert (found["first"]["n"], found["first"]["what"]) == (1, "deleted")


@pytest.mark.usefixtures("in_parts", "anyone")
async def test_S20_a_part_goes_on_from_what_was_kept_for_its_own_caller_only(
    everything: Stack,
) -> None:
    async def code(caller: Caller, cursor: object) -> str:
        answer = await caller.post("/audit/verification", params={"cursor": str(cursor)})
        return answer.json().get("code", "")

    places = [{"institution_id": UUID(org), "account_id": uuid4()} for org in (*ORGS, ORGS[0])]
    one, other, colleague = (everything.caller("visits", "bank_head", **at) for at in places)
    begun = (await one.post("/audit/verification")).json()["next_cursor"]
    for stranger in (other, colleague):
        assert await code(stranger, begun) == "audit.verification_unknown"
    assert await code(one, uuid4()) == "audit.verification_unknown"
    assert await code(one, begun) == ""
    await everything.set_clock("2022-04-08T12:00:00+08:00")
    assert await code(one, begun) == "audit.verification_old"
