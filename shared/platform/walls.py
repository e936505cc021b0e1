"""The second wall: row-level security on every table, made from one declaration per table.

A service declares its tables in `services/<name>/store/walls.py`. `migrate` makes policies and
grants of the run-time login from that, as the owner, after the migrations; a table that is not
declared fails there. The first wall, the scoped query, stays: it is finer and serves the indexes.

The context comes with a transaction's first statement (`Database`, `reach_of`): `yinqi.reach` and,
by it, `yinqi.city`, `yinqi.institution` or `yinqi.enterprise`, always `yinqi.account` and
`yinqi.org`. After a transaction a setting reads as '' and not as null: both see nothing. Each
expression of the context is a subselect of its own, evaluated once per statement and not per row.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Final, Literal, NamedTuple, Self

Command = Literal["select", "insert", "update", "delete"]
COMMANDS: Final[tuple[Command, ...]] = ("select", "insert", "update", "delete")
_WRITE: Final[tuple[Command, ...]] = ("select", "insert", "update")

_SYSTEM: Final = "(select current_setting('yinqi.reach', true) = 'system')"
_PROVINCE: Final = "(select current_setting('yinqi.reach', true) in ('system', 'province'))"
_ANYONE: Final = "(select current_setting('yinqi.reach', true) <> '')"


def context(name: str, kind: str = "") -> str:
    """The value of `yinqi.<name>` in SQL, null where it is not set."""
    cast = f"::{kind}" if kind else ""
    return f"(select nullif(current_setting('yinqi.{name}', true), ''){cast})"


class Via(NamedTuple):
    """A row is seen by whoever sees the row of `table` whose `key` is this row's `column`."""

    column: str
    table: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """Whose the rows of a table are: columns that name the tenant, and what each may do.

    `all_for`: which reach sees and writes every row. `institution`, `enterprise`, `account`: uuid
    columns. `region`: a region code as text; `county`: the same as an integer; `city_of`: a column
    with the enterprise whose regions stand in `enterprise_region`. `name`: the account as text.
    `via`: rows that belong to another table's row. `where`: one more SQL condition that lets a
    tenant in. `shown`: rows that every caller may read. `tenants`: what a tenant may do to its own
    rows. `everyone`: what every caller may do to all rows. `public`: read by every session, also
    without a context. `commands`: what the run-time login may
    do at all. `log`: readers of the event log may read it.
    """

    all_for: Literal["system", "province"] = "province"
    institution: str | None = None
    region: str | None = None
    county: str | None = None
    city_of: str | None = None
    enterprise: str | None = None
    account: str | None = None
    name: str | None = None
    via: tuple[Via, ...] = ()
    where: str | None = None
    shown: str | None = None
    tenants: tuple[Command, ...] = _WRITE
    everyone: tuple[Command, ...] = ()
    public: bool = False
    commands: tuple[Command, ...] = COMMANDS
    log: bool = False

    @classmethod
    def system(cls, *, log: bool = False, commands: tuple[Command, ...] = COMMANDS) -> Self:
        """The platform's own: consumers, jobs and relay read and write, nobody else."""
        return cls(all_for="system", log=log, commands=commands)

    @classmethod
    def reference(cls, *, institution: str | None = None) -> Self:
        """Public facts: everyone reads, the province writes, an institution its own rows."""
        return cls(public=True, institution=institution)

    def allows(self, command: Command, table: str) -> str:
        """The condition under which the current context may do `command` to a row of `table`."""
        if command in self.everyone:
            return _ANYONE
        if command == "select" and self.public:
            return "true"  # nothing is hidden, so every index may serve
        arms = [_SYSTEM if self.all_for == "system" else _PROVINCE]
        if command in self.tenants:
            arms += self._own(table)
        if command == "select" and self.shown:
            arms.append(f"({_ANYONE} and {self.shown})")
        return " or ".join(arms)

    def _own(self, table: str) -> list[str]:
        arms: list[str] = []
        for setting, column in (
            ("institution", self.institution),
            ("enterprise", self.enterprise),
            ("account", self.account),
        ):
            if column:
                arms.append(f"{column} = {context(setting, 'uuid')}")
        if self.name:
            arms.append(f"{self.name} = {context('account')}")
        if self.region:
            arms.append(f"left({self.region}, 4) = {context('city')}")
        if self.county:
            arms.append(f"{self.county} / 100 = {context('city', 'int')}")
        if self.city_of:
            arms.append(
                f"({context('city')} is not null and exists (select from enterprise_region r where"
                f" r.enterprise_id = {table}.{self.city_of}"
                f" and left(r.region_code, 4) = {context('city')}))"
            )
        if self.where:
            arms.append(self.where.format(table=table))
        arms += [
            f"exists (select from {via.table} w where w.{via.key} = {table}.{via.column})"
            for via in self.via
        ]
        return arms


Walls = Mapping[str, Wall]

_OWN_ORG: Final = f"org = {context('org')}"
_AUDITOR: Final = "(select current_setting('yinqi.org', true) in ('auditor', 'platform_admin'))"

PLATFORM: Final[Walls] = {
    "alembic_version": Wall.system(commands=("select",)),
    "platform_clock": Wall.reference(),
    "account": Wall(account="account_id", tenants=("select",)),
    # Keys and counts only; every writer of an event takes its key's row.
    "stream": Wall(everyone=_WRITE),
    "outbox": Wall(all_for="system", everyone=("insert",)),
    "log_head": Wall.system(log=True),
    "event_log": Wall.system(log=True, commands=("select", "insert")),
    "consumer_offset": Wall.system(),
    "inbox": Wall.system(),
    "parked": Wall(all_for="system", tenants=(), shown=_AUDITOR),
    "idempotency": Wall(all_for="system", name="principal"),
    "audit": Wall(
        all_for="system",
        where=f"{_OWN_ORG} and actor = {context('account')}",
        shown=f"({_OWN_ORG} or {_AUDITOR})",
        tenants=("insert",),
        commands=("select", "insert"),
    ),
    "audit_link": Wall(
        all_for="system",
        shown=f"({_OWN_ORG} or {_AUDITOR})",
        commands=("select", "insert"),
    ),
    "audit_head": Wall(all_for="system", shown=_AUDITOR, commands=("select", "insert")),
    "job": Wall(name="started_by", tenants=("select", "insert")),
}


class Roles(NamedTuple):
    """The logins of a service's database, by its owner's name."""

    service: str
    log: str

    @classmethod
    def of(cls, owner: str) -> Self:
        """The logins beside an owner; all are the owner where it is not one of ours (tests)."""
        service = owner.removesuffix("_owner")
        return cls(service, f"{service}_log") if service != owner else cls(owner, owner)


def walls_of(service: str) -> Walls:
    """Every table of a service's database with its wall."""
    own: Walls = import_module(f"services.{service}.store.walls").WALLS
    return {**PLATFORM, **own}


def wall_script(table: str, wall: Wall, roles: Roles) -> str:
    """The statements that put a wall around a table, whatever stood there before."""
    lines = [
        f"alter table {table} enable row level security",
        f"alter table {table} force row level security",
        f"revoke all on {table} from {roles.service}",
        f"grant {', '.join(wall.commands)} on {table} to {roles.service}",
    ]
    for command in wall.commands:
        condition = wall.allows(command, table)
        using = "" if command == "insert" else f" using ({condition})"
        check = f" with check ({condition})" if command in ("insert", "update") else ""
        lines.append(f"create policy yinqi_{command} on {table} for {command}{using}{check}")
    if wall.log:
        lines += [
            f"grant select on {table} to {roles.log}",
            f"create policy yinqi_log on {table} for select to {roles.log} using (true)",
        ]
    return ";\n".join(lines) + ";\n"


_DROP: Final = """
do $$ declare p record; begin
  for p in select polname, polrelid::regclass as t from pg_policy
      where polname like 'yinqi!_%' escape '!' and polrelid in
        (select oid from pg_class where relnamespace = current_schema()::regnamespace) loop
    execute format('drop policy %I on %s', p.polname, p.t);
  end loop;
end $$;
"""

# Every process that keeps accounts in memory hears of a change to them (`Accounts`).
_HEARD: Final = """
create or replace function account_changed() returns trigger language plpgsql as $$ begin
    notify account;
    return null;
end $$;
create or replace trigger account_changed after update or delete on account
    for each statement execute function account_changed();
"""


def script(walls: Walls, roles: Roles) -> str:
    """The statements that put all walls up, in place of those that stand."""
    parts = [wall_script(table, wall, roles) for table, wall in sorted(walls.items())]
    sequences = f"grant usage, select on all sequences in schema public to {roles.service};\n"
    return _DROP + "".join(parts) + sequences + _HEARD


def fingerprint(walls: Walls, roles: Roles) -> str:
    """Changes whenever the walls that should stand change."""
    return hashlib.sha256(script(walls, roles).encode()).hexdigest()


class Undeclared(LookupError):
    """A table without a wall: nobody said whose its rows are."""

    def __init__(self, service: str, tables: list[str]) -> None:
        names = ", ".join(tables)
        super().__init__(f"declare {names} in services/{service}/store/walls.py")
