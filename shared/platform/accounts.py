"""Each service's copy of the accounts: role and place are read here, never from a token.

Fed by identity's events; identity itself reads its own table of that name. What was read is kept
until the database tells of a change; that it would have told is confirmed several times a second,
and without that nothing is kept: so a change bites within one second, mostly at once. A shut
account is refused at once in any case, because every transaction looks again (`Database`).
"""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import text

from shared.contracts.event import Received
from shared.contracts.identity import AccessRevoked, AccountChanged, AccountOpened
from shared.kernel.errors import Refused
from shared.platform.clock import monotonic
from shared.platform.connections import connect_system
from shared.platform.consumer import Consumer
from shared.platform.database import AccountRow, Database, Transaction
from shared.platform.logging import log
from shared.platform.principal import Principal

KEEP_SECONDS = 0.9
HEAR_SECONDS = 1.0
"""How long a caller with a good token waits for its account to be heard of."""
KEEP_ACCOUNTS = 20_000

ACCOUNTS_UP = """
drop table if exists revoked;
create table account (account_id uuid primary key, role text not null, institution_id uuid,
    outlet_id uuid, staff_id uuid, region_code text, enterprise_id uuid,
    active boolean not null default true);
delete from consumer_offset where consumer like '%.access';
delete from inbox where consumer like '%.access';
"""
"""The copy, and the consumer that fills it set back to the beginning."""

_KEEP = """
insert into account (account_id, role, institution_id, outlet_id, staff_id, region_code,
                     enterprise_id)
values (:account_id, :role, :institution_id, :outlet_id, :staff_id, :region_code, :enterprise_id)
on conflict (account_id) do update set role = excluded.role,
  institution_id = excluded.institution_id, outlet_id = excluded.outlet_id,
  staff_id = excluded.staff_id, region_code = excluded.region_code,
  enterprise_id = excluded.enterprise_id, active = true
"""


@dataclass(slots=True)
class Accounts:
    """The principals behind account ids, as this service knows them."""

    database: Database
    _known: dict[UUID, Principal] = field(default_factory=dict[UUID, Principal])
    _changes: int = 0
    _sure_until: float = 0.0

    async def principal(self, account_id: UUID) -> Principal:
        """Who the account is now.

        Raises: Refused 401 `access.unknown_account` (not heard of yet), `access.revoked`.
        """
        known = self._known.get(account_id)
        if known and monotonic() < self._sure_until:
            return known
        changes = self._changes
        row = await self._row(account_id)
        if not row["active"]:
            self._known.pop(account_id, None)
            raise Refused("access.revoked", "该账号已停用", status=401)
        principal = Principal(
            account_id=account_id,
            role=row["role"],
            institution_id=row["institution_id"],
            outlet_id=row["outlet_id"],
            staff_id=row["staff_id"],
            region_code=row["region_code"],
            enterprise_id=row["enterprise_id"],
        )
        if len(self._known) >= KEEP_ACCOUNTS:
            self._known.clear()
        if changes == self._changes:  # else it may be what stood before the change
            self._known[account_id] = principal
        return principal

    async def _row(self, account_id: UUID) -> AccountRow:
        """The account's row; its owner may have opened it a moment ago, so that is waited for."""
        until = monotonic() + HEAR_SECONDS
        while (row := await self.database.account(account_id)) is None:
            if monotonic() > until:
                raise Refused(
                    "access.unknown_account", "账号信息尚未同步", "请稍候一秒后重试", status=401
                )
            await asyncio.sleep(HEAR_SECONDS / 20)
        return row

    async def watch(self) -> None:
        """Hear of every change to an account, until cancelled."""
        while True:
            try:
                await self._listen()
            except Exception as error:  # deaf, it asks the database for every call
                log().warning("accounts.deaf", error=repr(error))
            await asyncio.sleep(0.1)

    async def _listen(self) -> None:
        connection = await connect_system(self.database.url)
        try:
            await connection.add_listener("account", self._forget)
            self._forget()  # what changed before it listened
            while True:
                asked = monotonic()  # an answer comes behind every change committed before
                await connection.execute("select", timeout=KEEP_SECONDS)
                self._sure_until = asked + KEEP_SECONDS
                await asyncio.sleep(KEEP_SECONDS / 3)
        finally:
            connection.terminate()

    def _forget(self, *_: object) -> None:
        self._known.clear()
        self._changes += 1


def accounts_consumer(service: str) -> Consumer:
    """The consumer that keeps a service's copy of the accounts."""
    return Consumer(
        f"{service}.access",
        ("identity.events",),
        {AccountOpened: _keep, AccountChanged: _keep, AccessRevoked: _shut},
    )


async def _keep(received: Received, tx: Transaction) -> None:
    event = received.event
    assert isinstance(event, AccountOpened | AccountChanged)  # the loop dispatches by class
    await tx.connection.execute(
        text(_KEEP),
        {
            "account_id": event.account_id,
            "role": event.role,
            "institution_id": event.institution_id,
            "outlet_id": event.outlet_id,
            "staff_id": event.staff_id,
            "region_code": event.region_code,
            "enterprise_id": event.enterprise_id,
        },
    )


async def _shut(received: Received, tx: Transaction) -> None:
    event = received.event
    assert isinstance(event, AccessRevoked)  # the loop dispatches by class
    await tx.connection.execute(
        text("update account set active = false where account_id = :id"),
        {"id": event.account_id},
    )
