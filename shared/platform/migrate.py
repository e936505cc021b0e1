"""Brings a service's database to the newest migration."""

from importlib import resources
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine


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


async def migrate(service: str, database_url: str) -> bool:
    """Upgrade to the newest revision; False where the database was there already."""
    engine = create_async_engine(database_url.replace("postgresql://", "postgresql+asyncpg://", 1))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_upgrade, service)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, service: str) -> bool:
    connection.execute(text("select pg_advisory_lock(hashtextextended('migrate', 0))"))
    if inspect(connection).has_table("alembic_version"):
        current = connection.execute(text("select version_num from alembic_version")).scalar()
        if current == head(service):
            return False
    config = _config(service)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()
    return True
