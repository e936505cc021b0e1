"""Row-level security alone: whoever asks without any condition sees its own rows and no others."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

import asyncpg
import pytest

from shared.platform.database import Database
from shared.platform.principal import SYSTEM, Principal
from tests.support.stack import Stack
from tests.walls.conftest import Superuser

SPACE = UUID(int=7)
BANKS = [uuid5(SPACE, f"bank {n}") for n in range(12)]
CITIES = ["320100", "320200", "320500"]
FIRMS = [uuid5(SPACE, f"firm {n}") for n in range(60)]


def bank(n: int) -> Principal:
    """Someone at a bank's head office."""
    return Principal(account_id=uuid5(SPACE, f"a{n}"), role="bank_head", institution_id=BANKS[n])


def bureau(n: int) -> Principal:
    """Someone at a city's bureau."""
    return Principal(account_id=uuid5(SPACE, f"b{n}"), role="bureau", region_code=CITIES[n])


REGULATOR = Principal(account_id=uuid5(SPACE, "r"), role="province_regulator")
FIRM = Principal(account_id=uuid5(SPACE, "f"), role="enterprise", enterprise_id=FIRMS[3])
NOBODY = Principal(account_id=uuid5(SPACE, "n"), role="association")
LOST = Principal(account_id=uuid5(SPACE, "l"), role="bank_head")
CALLERS = (*map(bank, range(4)), *map(bureau, range(3)), REGULATOR, SYSTEM, FIRM, NOBODY, LOST)


@dataclass(frozen=True, slots=True)
class Case:
    """A table with random rows, and what a caller should see of it, said another way.

    `own`: conditions by reach, with `{bank}`, `{city}` and `{firm}` for the caller's place.
    """

    service: str
    table: str
    key: str
    own: dict[str, str]

    def condition(self, caller: Principal) -> str:
        """The rows of a caller, as SQL for somebody who sees all."""
        if caller.reach in ("system", "province"):
            return "true"
        text = self.own.get(caller.reach, "false")
        return text.format(
            bank=caller.institution_id or UUID(int=0),
            city=caller.city_prefix(),
            firm=caller.enterprise_id,
        )


_BY_COLUMNS = {
    "institution": "institution_id = '{bank}'",
    "city": "region_code like '{city}%'",
    "enterprise": "enterprise_id = '{firm}'",
}
_EVER_IN_CITY = (
    "enterprise_id in (select enterprise_id from enterprise_region"
    " where region_code like '{city}%')"
)
CASES = (
    Case("credit", "application", "application_id", _BY_COLUMNS | {"city": _EVER_IN_CITY}),
    Case("visits", "visit", "visit_id", _BY_COLUMNS),
    Case("visits", "photo", "photo_id", {
        "institution": "institution_id = '{bank}'",
        "city": "visit_id in (select visit_id from visit where region_code like '{city}%')",
        "enterprise": "visit_id in (select visit_id from visit where enterprise_id = '{firm}')",
    }),
    Case("allocation", "assignment", "assignment_id", _BY_COLUMNS),
    Case("registry", "enterprise", "enterprise_id", {
        "institution": "enterprise_id in (select enterprise_id from access"
                       " where institution_id = '{bank}')",
        "city": "region_code like '{city}%'",
        "enterprise": "enterprise_id = '{firm}'",
    }),
    Case("registry", "person_data", "subject_id", {
        "institution": "subject_id in (select enterprise_id from access"
                       " where institution_id = '{bank}')",
        "city": "subject_id in (select enterprise_id from enterprise"
                " where region_code like '{city}%')",
        "enterprise": "subject_id = '{firm}'",
    }),
    Case("reporting", "delta", "ent", {
        "institution": "institution = '{bank}'",
        "city": "county / 100 = {city}",
        "enterprise": "ent = '{firm}'",
    }),
)  # fmt: skip


async def fill(connect: Superuser, seed: int) -> None:
    """Random rows of all tenants in every table of the cases."""
    rng = random.Random(seed)
    regions = {firm: rng.choice(CITIES)[:4] + "05" for firm in FIRMS}

    def some() -> tuple[UUID, UUID, str]:
        firm = rng.choice(FIRMS)
        return firm, rng.choice(BANKS), regions[firm]

    credit = await connect("credit")
    await credit.executemany(
        "insert into enterprise_region values ($1, '2020-01-01', $2)", list(regions.items())
    )
    await credit.executemany(
        "insert into application values ($1, null, $2, $3, $1, $4, 'p', 1, 100, '2022-05-01',"
        " true, now())",
        [(uuid5(SPACE, f"app {n}"), *some()) for n in range(300)],
    )
    visits = await connect("visits")
    found = [(uuid5(SPACE, f"visit {n}"), *some()) for n in range(300)]
    await visits.executemany(
        "insert into visit (visit_id, campaign_id, enterprise_id, institution_id, outlet_id,"
        " assignment_id, region_code, visited_on, staff_ids, photos, told_campaign, told_qr,"
        " complete, missing, flags, content_hash, recorded_at) values ($1, $1, $2, $3, $1, $1, $4,"
        " '2022-05-01', array[$1::uuid], 0, true, true, true, '{}', '{}', '', now())",
        found,
    )
    await visits.executemany(
        "insert into photo (photo_id, institution_id, visit_id, original_sha256, original_bytes,"
        " original_type, stored_sha256, stored_bytes, width, height, uploaded_at)"
        " values ($1, $2, $3, '', 1, '', '', 1, 1, 1, now())",
        [(uuid5(SPACE, f"photo {n}"), row[2], row[0]) for n, row in enumerate(found)],
    )
    allocation = await connect("allocation")
    await allocation.executemany(
        "insert into assignment (assignment_id, campaign_id, plan_id, enterprise_id, tier, round,"
        " institution_id, region_code, assigned_on) values ($1, $1, $1, $2, 2, 1, $3, $4,"
        " '2022-05-01')",
        [(uuid5(SPACE, f"assignment {n}"), *some()) for n in range(300)],
    )
    registry = await connect("registry")
    await registry.executemany(
        "insert into enterprise (enterprise_id, uscc, name, registration_no, registered_address,"
        " business_address, region_code, longitude_e6, latitude_e6, precision, list_vintage,"
        " digest) values ($1, $3, $3, '', '', '', $2, 1, 1, '', '', '')",
        [(firm, regions[firm], str(n)) for n, firm in enumerate(FIRMS)],
    )
    await registry.executemany(
        "insert into person_data (subject_id, box) values ($1, 'sealed')",
        [(firm,) for firm in FIRMS],
    )
    await registry.executemany(
        "insert into access values ($1, $2, $3)",
        [(uuid5(SPACE, f"access {n}"), *some()[:2]) for n in range(120)],
    )
    reporting = await connect("reporting")
    await reporting.executemany(
        "insert into delta (ent, cause, known_at, campaign, kind, business_on, county, n, fen,"
        " institution) values ($1, 1, now(), $1, 1, '2022-05-01', $3::text::int, 1, 1, $2)",
        [some() for _ in range(300)],
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_S05_the_wall_and_an_explicit_condition_agree_on_random_rows(
    everything: Stack, superuser: Superuser, seed: int
) -> None:
    await fill(superuser, seed)
    compared = 0
    for case in CASES:
        anyone = await superuser(case.service)
        for caller in CALLERS:
            async with everything.database(case.service).read(caller) as tx:
                rows = await (await tx.driver()).fetch(f"select {case.key} from {case.table}")
            wanted = await anyone.fetch(
                f"select {case.key} from {case.table} where {case.condition(caller)}"
            )
            assert sorted(map(str, rows)) == sorted(map(str, wanted)), (case.table, caller)
            compared += len(wanted)
    print(f"\nS05: {len(CASES)} tables x {len(CALLERS)} callers, {compared} rows agree")
    assert compared > 3_000


async def test_S06_a_tenant_writes_no_row_of_another_and_takes_no_key_from_it(
    everything: Stack, superuser: Superuser
) -> None:
    await fill(superuser, 4)
    anyone = await superuser("credit")
    theirs = await anyone.fetchrow(
        "select * from application where institution_id = $1 limit 1", BANKS[1]
    )
    assert theirs is not None
    add = (
        "insert into application select $1, campaign_id, enterprise_id, $2, outlet_id, region_code,"
        " product_code, product_version, amount_fen, filed_on, on_own_list, filed_at from"
        " application where institution_id = $3 limit 1"
    )
    database = everything.database("credit")

    async def attempt(sql: str, *args: object) -> str:
        async with database.transaction(bank(0)) as tx:
            return await (await tx.driver()).execute(sql, *args)

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await attempt(add, uuid5(SPACE, "new"), BANKS[1], BANKS[0])
    change = "update application set remark = 'mine' where application_id = $1"
    assert await attempt(change, theirs["application_id"]) == "UPDATE 0"
    lock = "select from application where application_id = $1 for update"
    assert await attempt(lock, theirs["application_id"]) == "SELECT 0"
    taken = (theirs["application_id"], BANKS[0], BANKS[0])
    assert await attempt(f"{add} on conflict do nothing", *taken) == "INSERT 0 0"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await attempt(f"{add} on conflict (application_id) do update set remark = 'mine'", *taken)
    with pytest.raises(asyncpg.UniqueViolationError) as told:
        await attempt(add, *taken)
    # That the id is taken is told, nothing of the row behind it: ids are random, not guessed.
    assert getattr(told.value, "detail", None) is None
    now = await anyone.fetchrow(
        "select * from application where application_id = $1", theirs["application_id"]
    )
    assert now == theirs


class Broke(Exception):
    """A use case failed half-way."""


async def interleaved(url: str, callers: Sequence[Principal], seed: int) -> int:
    """Many tenants at once on two connections, some failing, some cancelled; foreign rows seen."""
    rng = random.Random(seed)
    database, foreign = Database(url, pool_size=2, overflow=0), 0

    async def one(caller: Principal, fate: str) -> None:
        nonlocal foreign
        async with database.transaction(caller) as tx:
            driver = await tx.driver()
            rows = await driver.fetch("select institution_id from application")
            foreign += sum(row[0] != caller.institution_id for row in rows)
            if fate == "broken":
                raise Broke
            if fate == "refused":
                await driver.execute("update application set amount_fen = 0")
            if fate == "reaching":
                async with tx.beyond_walls():
                    await driver.fetch("select count(*) from application")
            await asyncio.sleep(0.2 if fate == "cancelled" else 0.001)
            rows = await driver.fetch("select institution_id from application")
            foreign += sum(row[0] != caller.institution_id for row in rows)

    fates = ("well", "broken", "refused", "reaching", "cancelled")
    tasks: list[asyncio.Task[None]] = []
    for caller in callers:
        fate = rng.choice(fates)
        task = asyncio.create_task(one(caller, fate))
        if fate == "cancelled":
            asyncio.get_running_loop().call_later(rng.uniform(0.01, 1.5), task.cancel)
        tasks.append(task)
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        assert ended is None or isinstance(
            ended, Broke | asyncio.CancelledError | asyncpg.CheckViolationError
        ), ended
    async with database.read(NOBODY) as tx:
        foreign += int(await (await tx.driver()).fetchval("select count(*) from application") or 0)
    await database.close()
    return foreign


async def test_S05_two_hundred_tenants_in_turn_on_two_connections_see_no_foreign_row(
    everything: Stack, superuser: Superuser
) -> None:
    await fill(superuser, 5)
    callers = [bank(n % 12) for n in range(200)]
    url = everything.databases["credit"].url
    foreign = await interleaved(url, callers, 5)
    print(f"\nS05: 200 interleaved tenants on 2 connections, {foreign} foreign rows")
    assert foreign == 0
    # The same without the wall shows that the test would have seen them.
    owner = await everything.owner("credit")
    await owner.execute("alter table application disable row level security")
    try:
        assert await interleaved(url, callers[:40], 6) > 1_000
    finally:
        await owner.execute("alter table application enable row level security")


async def test_S05_reaching_beyond_the_walls_ends_with_its_block(
    everything: Stack, superuser: Superuser
) -> None:
    await fill(superuser, 6)
    count = "select count(*) from application where institution_id <> $1"
    async with everything.database("credit").transaction(bank(0)) as tx:
        driver = await tx.driver()
        async with tx.beyond_walls():
            assert await driver.fetchval(count, BANKS[0]) not in (0, None)
        assert await driver.fetchval(count, BANKS[0]) == 0
        with pytest.raises(Broke):
            async with tx.beyond_walls():
                raise Broke
        assert await driver.fetchval(count, BANKS[0]) == 0
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with tx.attempt(), tx.beyond_walls():
                await driver.execute("select 1 / 0")
        assert await driver.fetchval(count, BANKS[0]) == 0


async def test_S07_an_answer_kept_for_one_account_is_not_there_for_another(
    everything: Stack, superuser: Superuser
) -> None:
    anyone = await superuser("visits")
    mine, theirs = bank(0), replace(bank(0), account_id=uuid5(SPACE, "other"))
    await anyone.execute(
        "insert into idempotency values ($1, 'POST /x', 'k', '', 200, 'secret', now())",
        str(mine.account_id),
    )
    for caller, wanted in ((mine, 1), (theirs, 0), (REGULATOR, 0)):
        async with everything.database("visits").read(caller) as tx:
            found = await (await tx.driver()).fetchval("select count(*) from idempotency")
        assert found == wanted, caller
