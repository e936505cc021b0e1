"""Brings a service's database to the newest migration and its walls to what is declared."""

from importlib import resources
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from shared.platform.accounts import ACCOUNTS_UP
from shared.platform.connections import SYSTEM_REACH, connect_system
from shared.platform.migrations import execute_script
from shared.platform.tables import AUDIT_UP, PLATFORM_UP
from shared.platform.walls import (
    PLATFORM,
    Roles,
    Undeclared,
    Walls,
    fingerprint,
    script,
    walls_of,
)

PLATFORM_NOW = PLATFORM_UP + ACCOUNTS_UP + AUDIT_UP
"""What the migrations of the platform's own tables come to."""


def _config(service: str) -> Config:
    config = Config()
    here = Path(str(resources.files("shared.platform").joinpath("alembic")))
    versions = Path(str(resources.files(f"services.{service}").joinpath("migrations", "versions")))
    config.set_main_option("script_location", str(here))
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "os")
    return config


def head(service: str) -> str:
    """The newest revision in the code."""
    return ScriptDirectory.from_config(_config(service)).get_current_head() or ""


async def migrate(service: str, owner_url: str) -> bool:
    """Upgrade to the newest revision, as the owner; False where the database was there already.

    Raises: Undeclared, where a table has no wall.
    """
    engine = create_async_engine(
        owner_url.replace("postgresql://", "postgresql+asyncpg://", 1),
        connect_args={"server_settings": SYSTEM_REACH},
    )
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_upgrade, service)
    finally:
        await engine.dispose()


async def make_platform_tables(owner_url: str, more: str = "", walls: Walls | None = None) -> None:
    """The platform's tables without a service's own, as tests and measurements want them.

    `more` makes other tables, `walls` says whose their rows are.
    """
    connection = await connect_system(owner_url)
    try:
        roles = Roles.of(str(await connection.fetchval("select current_user")))
        here = {table: wall for table, wall in PLATFORM.items() if table != "alembic_version"}
        await connection.execute(PLATFORM_NOW + more + script({**here, **(walls or {})}, roles))
    finally:
        await connection.close()


def _upgrade(connection: Connection, service: str) -> bool:
    connection.execute(text("select pg_advisory_lock(hashtextextended('migrate', 0))"))
    walls = walls_of(service)
    roles = Roles.of(str(connection.execute(text("select current_user")).scalar()))
    wanted = (head(service), fingerprint(walls, roles))
    if _standing(connection) == wanted:
        return False
    # The wall before the note of the revision holds for its owner, too; it is raised again below.
    execute_script(connection, "alter table if exists alembic_version no force row level security")
    config = _config(service)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    _raise_walls(connection, service, walls, roles)
    connection.commit()
    return True


def _standing(connection: Connection) -> tuple[str, str] | None:
    """The revision of the database and the fingerprint of its walls."""
    if connection.execute(text("select to_regclass('alembic_version')")).scalar() is None:
        return None
    row = connection.execute(
        text(
            "select version_num, obj_description('alembic_version'::regclass) from alembic_version"
        )
    ).one_or_none()
    return (str(row[0]), str(row[1])) if row else None


def _raise_walls(connection: Connection, service: str, walls: Walls, roles: Roles) -> None:
    tables = set(
        connection.execute(
            text(
                "select relname from pg_class where relkind in ('r', 'p') and"
                " relnamespace = current_schema()::regnamespace"
            )
        ).scalars()
    )
    if undeclared := sorted(tables - walls.keys()):
        raise Undeclared(service, undeclared)
    here = {table: wall for table, wall in walls.items() if table in tables}
    execute_script(connection, script(here, roles))
    mark = fingerprint(walls, roles)
    execute_script(connection, f"comment on table alembic_version is '{mark}'")
