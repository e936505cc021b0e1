"""One database and three logins per service: its owner, the service, a reader of its event log.

The owner makes and changes tables, in migrations only. The service works with what the owner grants
it, under row-level security. None opens another service's database.
"""

import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import quote

import asyncpg  # pyright: ignore[reportMissingTypeStubs]

from shared.platform.embedded.processes import EmbeddedError, write_private

EXTENSIONS = ("pg_trgm", "btree_gist")
#: Row-level security lets an index serve a caller's condition only where its operator is declared
#: to tell nothing of rows it is not to see; `like`, for search by name, is not by default. What it
#: can tell is that a pattern ends in a backslash, and ours are escaped (docs/decisions/0026).
LEAKPROOF = ("alter function textlike(text, text) leakproof",)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_LOCK_KEY = 7_319_004  # any number, the same for every run on one server


@dataclass(frozen=True, slots=True)
class ServiceDatabase:
    """How one service, and the readers of its event log, reach its database.

    All are plain `postgresql://`: `owner_url` is for migrations, `url` for the running service,
    `log_url` for other services' consumers. What the last two may do, migrations grant.
    """

    name: str
    url: str
    owner_url: str
    log_url: str


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server is, and the folder of its passwords."""

    host: str
    port: int
    secrets: Path

    def password(self, role: str) -> str:
        """The role's password, made at the first call and kept in a 0600 file."""
        path = self.secrets / role
        if not path.exists():
            write_private(path, secrets.token_urlsafe(24))
        return path.read_text(encoding="utf-8").strip()

    def url(self, role: str, database: str) -> str:
        """The address of `database` for `role`."""
        password = quote(self.password(role), safe="")
        return f"postgresql://{role}:{password}@{self.host}:{self.port}/{database}"


class _Session(Protocol):
    """What is used of asyncpg's connection; the library says nothing about its types."""

    async def fetchval(self, query: str, *args: object) -> object: ...

    async def execute(self, query: str, *args: object) -> str: ...

    async def close(self) -> None: ...


async def _connect(url: str) -> _Session:
    session = await asyncpg.connect(url)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return cast("_Session", session)


async def _login(admin: _Session, role: str, password: str) -> None:
    known = await admin.fetchval("select 1 from pg_roles where rolname = $1", role)
    verb = "alter" if known else "create"
    # Utility statements take no parameters: the name matches _NAME, the password is base64url.
    await admin.execute(f"{verb} role {role} login nosuperuser nobypassrls password '{password}'")


async def _own_database(admin: _Session, name: str) -> None:
    if await admin.fetchval("select 1 from pg_database where datname = $1", name) is None:
        await admin.execute(f"create database {name} owner {name}_owner template template0")
    await admin.execute(f"alter database {name} owner to {name}_owner")
    await admin.execute(f"revoke all on database {name} from public")
    await admin.execute(f"grant connect, temporary on database {name} to {name}")
    await admin.execute(f"grant connect on database {name} to {name}_log")


async def _extend(server: Server, name: str) -> None:
    inside = await _connect(server.url("postgres", name))
    try:
        # A database of an earlier release was the service's own.
        await inside.execute(f"reassign owned by {name} to {name}_owner")
        for extension in EXTENSIONS:
            await inside.execute(f"create extension if not exists {extension}")
        for statement in LEAKPROOF:
            await inside.execute(statement)
    finally:
        await inside.close()


async def create_service_databases(server: Server, *names: str) -> tuple[ServiceDatabase, ...]:
    """Make what is missing of each named service's database and logins; safe to repeat.

    Raises: EmbeddedError, where a name cannot be a database name.
    """
    for name in names:
        if not _NAME.fullmatch(name):
            raise EmbeddedError(f"not a database name: {name!r}")
    admin = await _connect(server.url("postgres", "postgres"))
    try:
        await admin.execute("select pg_advisory_lock($1)", _LOCK_KEY)
        await admin.execute("revoke connect on database postgres, template1 from public")
        for name in names:
            for role in (f"{name}_owner", name, f"{name}_log"):
                await _login(admin, role, server.password(role))
            # Its functions may reach past row-level security, each for one question.
            await admin.execute(f'grant set on parameter "yinqi.reach" to {name}_owner')
            await admin.execute(f"alter role {name}_log set default_transaction_read_only = on")
            await _own_database(admin, name)
            await _extend(server, name)
    finally:
        await admin.close()
    return tuple(
        ServiceDatabase(n, server.url(n, n), server.url(f"{n}_owner", n), server.url(f"{n}_log", n))
        for n in names
    )
