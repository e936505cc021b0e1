"""Every table of every database stands behind its wall, as declared; nothing goes round it."""

import os
from pathlib import Path

import asyncpg
import pytest
from alembic.config import Config

from shared.platform import migrate as migrating
from shared.platform.connections import connect_system
from shared.platform.migrate import head, migrate
from shared.platform.settings import SERVICES
from shared.platform.walls import Undeclared, walls_of
from tests.support.stack import Stack
from tests.walls.conftest import Superuser

_TABLES = """
select c.relname, c.relrowsecurity and c.relforcerowsecurity as walled,
  pg_get_userbyid(c.relowner) as owner,
  array(select lower(privilege_type) from information_schema.role_table_grants g
    where g.table_name = c.relname and g.grantee = $1) as granted,
  array(select case polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
    when 'd' then 'delete' end from pg_policy p where p.polrelid = c.oid
    and polname not like '%log') as policies
from pg_class c where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace
"""


@pytest.mark.parametrize("service", SERVICES)
async def test_S05_every_table_is_behind_a_wall_with_a_policy_for_each_command(
    everything: Stack, superuser: Superuser, service: str
) -> None:
    walls = walls_of(service)
    rows = await (await superuser(service)).fetch(_TABLES, service)
    assert {row["relname"] for row in rows} <= walls.keys()
    for row in rows:
        allowed = set(walls[row["relname"]].commands)
        assert row["walled"], row
        assert row["owner"] == f"{service}_owner", row
        assert set(row["granted"]) == allowed == set(row["policies"]), row


@pytest.mark.parametrize("service", SERVICES)
async def test_S05_no_login_stands_above_the_walls_and_no_view_leads_round_them(
    everything: Stack, superuser: Superuser, service: str
) -> None:
    connection = await superuser(service)
    logins = await connection.fetch(
        "select rolsuper or rolbypassrls or rolcreaterole or rolcreatedb as above from pg_roles"
        " where rolname = any($1::text[])",
        [service, f"{service}_owner", f"{service}_log"],
    )
    assert [row["above"] for row in logins] == [False] * 3
    views = await connection.fetch(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and"
        " (relkind = 'm' or relkind = 'v' and not coalesce(reloptions @> '{security_invoker=true}',"
        " false))"
    )
    assert views == []
    definers = await connection.fetch(
        "select proname from pg_proc p where pronamespace = 'public'::regnamespace and prosecdef"
    )
    assert definers == []


async def test_S05_a_table_that_nobody_declared_stops_the_migration(everything: Stack) -> None:
    owner_url = everything.databases["credit"].owner_url
    owner = await connect_system(owner_url)
    mark = await owner.fetchval("select obj_description('alembic_version'::regclass)")
    try:
        await owner.execute("create table stray (n int); comment on table alembic_version is 'x'")
        with pytest.raises(Undeclared, match="declare stray in services/credit"):
            await migrate("credit", owner_url)
    finally:
        await owner.execute(f"drop table stray; comment on table alembic_version is '{mark}'")
        await owner.close()
    assert await migrate("credit", owner_url) is False


@pytest.mark.parametrize("service", SERVICES)
async def test_S05_without_a_context_no_tenants_row_is_seen_or_written(
    everything: Stack, superuser: Superuser, service: str
) -> None:
    login = await asyncpg.connect(everything.databases[service].url)
    anyone = await superuser(service)
    try:
        for table, wall in walls_of(service).items():
            if wall.public or await anyone.fetchval("select to_regclass($1)", table) is None:
                continue
            for _ in range(2):  # never set, and set and gone: '' and not null
                assert await login.fetchval(f"select count(*) from {table}") == 0, table
                async with login.transaction():
                    await login.execute("select set_config('yinqi.reach', 'system', true)")
    finally:
        await login.close()


REVISION = """
from shared.platform.migrations import run_sql

revision, down_revision = "9999", "{head}"


def upgrade() -> None:
    run_sql("create table later (n int); alter table later owner to current_user; drop table later")
"""


async def test_a_database_behind_its_walls_takes_the_next_migration(
    everything: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wall before the note of the revision holds for its owner, too, and stands again after."""
    database, newest = everything.databases["credit"], head("credit")
    (tmp_path / "next.py").write_text(REVISION.format(head=newest), encoding="utf-8")
    known = migrating._config  # pyright: ignore[reportPrivateUsage]

    def with_one_more(service: str) -> Config:
        config = known(service)
        places = (config.get_main_option("version_locations"), str(tmp_path))
        config.set_main_option("version_locations", os.pathsep.join(map(str, places)))
        return config

    monkeypatch.setattr(migrating, "_config", with_one_more)
    owner = await connect_system(database.owner_url)
    mark = await owner.fetchval("select obj_description('alembic_version'::regclass)")
    try:
        assert await migrate("credit", database.owner_url)
        assert await owner.fetchval("select version_num from alembic_version") == "9999"
        forced = "select relforcerowsecurity from pg_class where relname = 'alembic_version'"
        assert await owner.fetchval(forced)
    finally:
        await owner.execute(
            "alter table alembic_version no force row level security;"
            f" update alembic_version set version_num = '{newest}';"
            " alter table alembic_version force row level security;"
            f" comment on table alembic_version is '{mark}'"
        )
        await owner.close()
