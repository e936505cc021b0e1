"""S20: the audit trail is only ever added to, and whoever changes it all the same is found out."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid5

import asyncpg
import pytest
from joserfc.jwk import OKPKey

from shared.platform import audit
from shared.platform.audit import Chain, Chaining, Seal
from shared.platform.audit_check import Checked, check_trail, key_set
from shared.platform.connections import connect_system
from shared.platform.relay import Relay
from tests.support.stack import Stack
from tests.walls.conftest import Superuser
from tests.walls.test_tenants import NOBODY, REGULATOR, SPACE, bank, bureau

KEY = OKPKey.generate_key("Ed25519")
TAMPERS = 200
_TABLES = ("audit", "audit_link", "audit_head")


@dataclass(slots=True)
class Trail:
    """A trail of some hundred lines in one database, and how to check and restore it."""

    anyone: asyncpg.Connection
    records: list[str]

    async def check(self, *, keys: bool = True, records: bool = True) -> Checked:
        return await check_trail(
            self.anyone,
            service="visits",
            keys=key_set(KEY.as_pem(private=False).decode()) if keys else None,
            records=self.records if records else None,
        )

    async def restore(self) -> None:
        for table in _TABLES:
            await self.anyone.execute(
                f"truncate {table}; insert into {table} overriding system value"
                f" select * from saved.{table}"
            )


@pytest.fixture
async def trail(everything: Stack, superuser: Superuser, tmp_path: Path) -> Trail:
    """Lines of three banks, a bureau and the regulator, chained and twice sealed."""
    rng = random.Random(20)
    anyone = await superuser("visits")
    callers = [bank(0), bank(1), bank(2), bureau(0), REGULATOR]
    seal = Seal("visits", KEY, tmp_path)
    chain = Chain()
    for half in range(2):
        for n in range(100):
            async with everything.database("visits").transaction(rng.choice(callers)) as tx:
                for _ in range(rng.choice((1, 1, 2))):
                    tx.audit(f"test.{n % 7}", uuid5(SPACE, f"{half} {n}"), after={"n": n})
        while await chain.link(anyone):
            pass
        await seal.seal(anyone)
    await anyone.execute(
        "set session_replication_role = replica; drop schema if exists saved cascade;"
        " create schema saved;"
        + ";".join(f"create table saved.{t} as table public.{t}" for t in _TABLES)
    )
    return Trail(anyone, (tmp_path / "visits.heads").read_text().split())


async def test_S20_a_line_committed_late_is_chained_all_the_same(
    everything: Stack, superuser: Superuser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "PROBE_SECONDS", 0.0)
    anyone, late, chain = await superuser("visits"), await superuser("visits"), Chain()
    insert = (
        "insert into audit (at, actor, org, action, subject, trace)"
        " values (now(), 'late', 'platform', 'test.late', '', '') returning id"
    )

    async def unchained() -> object:
        for _ in range(8):  # several rises of the floor
            await chain.link(anyone)
        return await anyone.fetchval(
            "select count(*) from audit where id not in (select audit_id from audit_link)"
        )

    await late.execute("begin")
    drawn = await late.fetchval(insert)
    for n in range(3):
        async with everything.database("visits").transaction(bank(1)) as tx:
            tx.audit("test.early", uuid5(SPACE, str(n)))
        assert await unchained() == 0
    assert chain.floor < drawn
    await late.execute("commit")
    assert await unchained() == 0
    assert chain.floor > drawn


async def test_S20_a_whole_trail_fits(trail: Trail) -> None:
    checked = await trail.check()
    assert checked.misfits == []
    assert checked.lines == int(await trail.anyone.fetchval("select count(*) from audit") or 0)
    assert checked.lines > 200
    assert checked.records == 4
    assert len(checked.heads) == 5


async def test_S20_nobody_changes_a_line_by_mistake(everything: Stack, trail: Trail) -> None:
    await trail.anyone.execute("set session_replication_role = origin")
    for table in _TABLES:
        for statement in (
            f"update {table} set {'n = n' if table == 'audit_link' else 'at = at'}",
            f"delete from {table}",
            f"truncate {table}",
        ):
            with pytest.raises(asyncpg.RestrictViolationError):
                await trail.anyone.execute(statement)
            with pytest.raises(asyncpg.RestrictViolationError):
                await (await everything.owner("visits")).execute(statement)
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await everything.rows("visits", statement)


async def test_S20_no_tenant_writes_a_line_in_anothers_name(everything: Stack) -> None:
    line = (
        "insert into audit (at, actor, org, action, subject, trace)"
        " values (now(), $1, $2, 'x', 'x', '')"
    )
    mine, theirs = bank(0), bank(1)
    for actor, org in ((theirs.name, str(mine.institution_id)), (mine.name, "province")):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with everything.database("visits").transaction(mine) as tx:
                await (await tx.driver()).execute(line, actor, org)


Tamper = Callable[[Trail, random.Random], Awaitable[tuple[str, int]]]


async def _a_link(trail: Trail, rng: random.Random) -> asyncpg.Record:
    links = await trail.anyone.fetch("select * from audit_link order by org, n")
    return rng.choice(links)


async def change_line(trail: Trail, rng: random.Random) -> tuple[str, int]:
    link = await _a_link(trail, rng)
    change = rng.choice((
        "at = at + interval '1 microsecond'", "actor = actor || 'x'", "org = 'bureau:3299'",
        "action = action || 'x'", "subject = upper(subject) || 'x'", """after = '{"n": -1}'""",
        "after = null", "before = '1'", "trace = trace || 'x'", "id = 1000000",
    ))  # fmt: skip
    sql = f"update audit set {change} where id = $1"
    await trail.anyone.execute(sql.replace("id = 1000000", "id = default"), link["audit_id"])
    return link["org"], link["n"]


async def change_link(trail: Trail, rng: random.Random) -> tuple[str, int]:
    link = await _a_link(trail, rng)
    column = rng.choice(("prev", "hash"))
    await trail.anyone.execute(
        f"update audit_link set {column} = sha256({column}) where org = $1 and n = $2",
        link["org"], link["n"],
    )  # fmt: skip
    return link["org"], link["n"]


async def delete_line(trail: Trail, rng: random.Random) -> tuple[str, int]:
    link = await _a_link(trail, rng)
    for sql in rng.choice((
        ("delete from audit where id = $1",),
        ("delete from audit_link where audit_id = $1",),
        ("delete from audit where id = $1", "delete from audit_link where audit_id = $1"),
    )):  # fmt: skip
        await trail.anyone.execute(sql, link["audit_id"])
    return link["org"], link["n"]


async def swap(trail: Trail, rng: random.Random) -> tuple[str, int]:
    one = await _a_link(trail, rng)
    others = await trail.anyone.fetch(
        "select * from audit_link where org = $1 and n <> $2", one["org"], one["n"]
    )
    other = rng.choice(others)
    first = min(one["n"], other["n"])
    if rng.random() < 0.5:
        await trail.anyone.execute(
            "update audit_link set n = -n where audit_id in ($1, $2)",
            one["audit_id"], other["audit_id"],
        )  # fmt: skip
        for link, n in ((one, other["n"]), (other, one["n"])):
            await trail.anyone.execute(
                "update audit_link set n = $2 where audit_id = $1", link["audit_id"], n
            )
    else:
        rows = "select * from audit where id = $1"
        for link, source in ((one, other), (other, one)):
            row = await trail.anyone.fetchrow(
                rows.replace("audit ", "saved.audit "), source["audit_id"]
            )
            assert row is not None
            await trail.anyone.execute(
                "update audit set (at, actor, action, subject, before, after, trace)"
                " = ($2, $3, $4, $5, $6, $7, $8) where id = $1", link["audit_id"], row["at"],
                row["actor"], row["action"], row["subject"], row["before"], row["after"],
                row["trace"],
            )  # fmt: skip
    return one["org"], first


async def cut_tail(trail: Trail, rng: random.Random) -> tuple[str, int]:
    link = await _a_link(trail, rng)
    place = link["org"], link["n"]
    await trail.anyone.execute(
        "delete from audit where id in"
        " (select audit_id from audit_link where org = $1 and n >= $2)", *place
    )  # fmt: skip
    await trail.anyone.execute("delete from audit_link where org = $1 and n >= $2", *place)
    if rng.random() < 0.5:  # and the records that would tell, so that only the file does
        await trail.anyone.execute("truncate audit_head")
    return place


async def slip_in(trail: Trail, rng: random.Random) -> tuple[str, int]:
    link = await _a_link(trail, rng)
    org = link["org"]
    new = await trail.anyone.fetchval(
        "insert into audit (at, actor, org, action, subject, trace)"
        " values (yinqi_now() - interval '3 days', 'x', $1, 'x', 'x', '') returning id", org
    )  # fmt: skip
    if rng.random() < 0.5:
        return org, 0
    n = link["n"]
    await trail.anyone.execute("update audit_link set n = -n where org = $1 and n >= $2", org, n)
    await trail.anyone.execute("update audit_link set n = 1 - n where org = $1 and n < 0", org)
    await trail.anyone.execute(
        "insert into audit_link values ($1, $2, $3, $4, sha256('forged'))",
        org, n, new, link["prev"],
    )  # fmt: skip
    return org, n


_KINDS: tuple[Tamper, ...] = (change_line, change_link, delete_line, swap, cut_tail, slip_in)


async def test_S20_two_hundred_tampers_are_found_and_the_first_bad_row_named(trail: Trail) -> None:
    found = named = 0
    whats: dict[str, int] = {}
    for seed in range(TAMPERS):
        rng = random.Random(seed)
        kind = _KINDS[seed % len(_KINDS)]
        place = await kind(trail, rng)
        checked = await trail.check()
        found += bool(checked.misfits)
        first = next((m for m in sorted(checked.misfits, key=lambda m: (m.org != place[0], m.n))
                      if m.org == place[0]), None)  # fmt: skip
        named += first is not None and (first.org, first.n) == place
        assert first is not None, (seed, kind, place, checked.misfits)
        assert (first.org, first.n) == place, (seed, kind, place, checked.misfits)
        what = f"{kind.__name__}: {first.what}"
        whats[what] = whats.get(what, 0) + 1
        await trail.restore()
    print(f"\nS20: {TAMPERS} tampers, {found} found, first bad row named {named} times; {whats}")
    assert found == named == TAMPERS
    assert (await trail.check()).misfits == []


async def test_S20_only_the_signed_heads_show_a_cut_tail(trail: Trail) -> None:
    await cut_tail(trail, random.Random(1))
    assert (await trail.check(keys=False)).misfits == []
    await trail.anyone.execute("truncate audit_head")
    assert (await trail.check(records=False)).misfits == []
    assert {m.what for m in (await trail.check()).misfits} == {"truncated", "deleted"}


async def test_S20_a_record_that_another_key_signed_is_refused(
    trail: Trail, tmp_path: Path
) -> None:
    forger = Seal("visits", OKPKey.generate_key("Ed25519"), None)
    await trail.anyone.execute("truncate audit_head")
    assert await forger.seal(trail.anyone)
    assert {m.what for m in (await trail.check(records=False)).misfits} == {"signature"}


async def test_S20_a_running_relay_chains_the_lines_of_many_writers_without_gap(
    everything: Stack, superuser: Superuser, tmp_path: Path
) -> None:
    url = everything.databases["visits"].url
    chaining = Chaining(
        service="visits", seal=Seal("visits", KEY, tmp_path), every_seconds=0.2
    )  # fmt: skip
    relay = asyncio.create_task(Relay(service="visits", url=url, chaining=chaining).run())

    async def write(n: int) -> None:
        for step in range(10):
            async with everything.database("visits").transaction(bank(n % 2)) as tx:
                tx.audit("test.many", uuid5(SPACE, f"{n} {step}"))

    try:
        await asyncio.gather(*(write(n) for n in range(8)))
        everything.database("visits").ring()
        connection = await connect_system(url)
        async with asyncio.timeout(15):
            while await connection.fetchval(
                "select count(*) < 80 from audit_link where org = any($1::text[])",
                [str(bank(n).institution_id) for n in range(2)],
            ) or not await connection.fetchval("select count(*) from audit_head"):
                await asyncio.sleep(0.05)
        checked = await check_trail(
            connection, service="visits", keys=key_set(KEY.as_pem(private=False).decode())
        )
        await connection.close()
    finally:
        relay.cancel()
        await asyncio.gather(relay, return_exceptions=True)
    assert checked.misfits == []
    assert [n for n, _ in checked.heads.values()] == [40, 40]


async def test_S20_the_trail_is_searched_by_ones_own_organisation_and_by_the_auditor(
    everything: Stack,
) -> None:
    place = {"institution_id": bank(0).institution_id}
    head = everything.caller("visits", "bank_head", **place)
    for caller in (bank(0), bank(1), REGULATOR):
        async with everything.database("visits").transaction(caller) as tx:
            for n in range(3):
                tx.audit("visit.voided", UUID(int=n), after={"n": n})
    mine = (await head.get("/audit", params={"limit": 2})).json()
    rest = (await head.get("/audit", params={"cursor": mine["next_cursor"]})).json()
    lines = [*mine["items"], *rest["items"]]
    assert [line["subject"] for line in lines] == [str(UUID(int=n)) for n in (2, 1, 0)]
    assert {line["org"] for line in lines} == {str(bank(0).institution_id)}
    assert rest["next_cursor"] is None

    theirs = (await head.get("/audit", params={"org": str(bank(1).institution_id)})).json()
    assert theirs["items"] == []
    auditor = everything.caller("visits", "auditor")
    everyone = (await auditor.get("/audit", params={"action": "visit."})).json()["items"]
    assert len({line["org"] for line in everyone}) == 3
    assert len(everyone) == 9
    one = await auditor.get("/audit", params={"subject": str(UUID(int=1)), "from": "2020-01-01"})
    assert len(one.json()["items"]) == 3
    none = await auditor.get("/audit", params={"to": "2020-01-01"})
    assert none.json()["items"] == []
    teller = everything.caller("visits", "relationship_manager", **place)
    assert (await teller.get("/audit")).status_code == 403
    async with everything.database("visits").read(NOBODY) as tx:
        assert await (await tx.driver()).fetchval("select count(*) from audit") == 0


async def test_S20_a_reader_verifies_its_own_chain_and_the_result_stands_in_the_trail(
    everything: Stack, trail: Trail
) -> None:
    await trail.anyone.execute("set session_replication_role = origin")
    own = bank(0)
    head = everything.caller("visits", "bank_head", institution_id=own.institution_id)
    auditor = everything.caller("visits", "auditor")

    mine, all_of_them = [(await one.post("/audit/verification")).json() for one in (head, auditor)]

    lines = await trail.anyone.fetch(
        "select org, count(*) as n from audit_link group by org order by org"
    )
    by_org = {row["org"]: row["n"] for row in lines}
    assert mine["heads"] == {str(own.institution_id): by_org[str(own.institution_id)]}
    assert (mine["org"], mine["misfits"], mine["first"]) == (str(own.institution_id), 0, None)
    assert all_of_them["heads"] == by_org
    assert (all_of_them["lines"], all_of_them["org"]) == (sum(by_org.values()), "")
    found = (await head.get("/audit", params={"action": "audit.verified"})).json()["items"]
    assert [(one["actor"], one["after"]["lines"]) for one in found] == [(mine["by"], mine["lines"])]


async def test_S20_a_tampered_row_is_named_to_its_own_organisation_and_to_the_auditor(
    everything: Stack, trail: Trail
) -> None:
    own, other = str(bank(0).institution_id), bank(1).institution_id
    link = await trail.anyone.fetchrow(
        "select n, audit_id from audit_link where org = $1 order by n offset 3 limit 1", own
    )
    assert link
    await trail.anyone.execute(
        "update audit set action = 'test.other' where id = $1", link["audit_id"]
    )
    callers = [
        everything.caller("visits", "bank_head", institution_id=bank(0).institution_id),
        everything.caller("visits", "auditor"),
        everything.caller("visits", "bank_head", institution_id=other),
    ]

    first = [(await one.post("/audit/verification")).json()["first"] for one in callers]

    named = {"org": own, "n": link["n"], "what": "changed"}
    assert [one and {k: one[k] for k in named} for one in first] == [named, named, None]
