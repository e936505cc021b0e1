"""Webhooks: what happened, told to a bank's own system, by the Standard Webhooks rules.

A deciding transaction writes one delivery per subscription (`announce`); a loop of the worker sends
what is due and writes down how it went. A message keeps its id over all tries, so whoever receives
it can know it again. Secrets are derived from one key of the service and stand in no table; after a
rotation both the new and the old one sign for a day.
"""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import json
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import httpx2
import msgspec

from shared.contracts.event import Event
from shared.kernel.errors import BadInput, Conflict, FieldError, NotFound
from shared.kernel.ids import new_id
from shared.kernel.money import yuan
from shared.platform.clock import unix_now
from shared.platform.database import Database, Transaction
from shared.platform.logging import log

#: Seconds to wait after each failed try; after the last one a delivery is given up.
BACK_OFF_S: Final = (5, 30, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
OLD_SECRET_HOURS: Final = 24
LEASE_S: Final = 60
TIMEOUT_S: Final = 10.0
AT_ONCE: Final = 8
POLL_S: Final = 0.5
GONE: Final = 410
PING: Final = "Ping"

TABLES = """
create table webhook (webhook_id uuid primary key, institution_id uuid not null, url text not null,
    event_types text[] not null, generation int not null default 1, rotated_at timestamptz,
    active boolean not null default true, created_by text not null,
    created_at timestamptz not null);
create index webhook_whose on webhook (institution_id) where active;
create table webhook_delivery (delivery_id uuid primary key, webhook_id uuid not null
    references webhook on delete cascade, institution_id uuid not null, type text not null,
    body text not null, state text not null default 'waiting', attempts int not null default 0,
    next_at timestamptz not null, last_status int, last_error text,
    created_at timestamptz not null, delivered_at timestamptz);
create index webhook_due on webhook_delivery (next_at) where state = 'waiting';
create index webhook_history on webhook_delivery (webhook_id, created_at desc);
"""


@dataclass(frozen=True, slots=True)
class Rules:
    """Where messages may go. `key` derives the secrets; without it webhooks are off.

    `hosts` are the host names that the operator allows, a leading dot for a whole domain;
    `networks` are private networks (a leased line to a bank) that are allowed beside public
    addresses; `loopback` lets plain HTTP reach this machine, for tests only.
    """

    key: str
    hosts: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    loopback: bool = False

    @classmethod
    def of(cls, settings: Any) -> "Rules":
        """From a service's settings."""
        return cls(
            settings.webhook_key or "",
            tuple(settings.webhook_hosts.split()),
            tuple(settings.webhook_networks.split()),
            loopback=settings.webhook_loopback,
        )


@dataclass(frozen=True, slots=True)
class Webhook:
    """A subscription of an institution."""

    webhook_id: UUID
    institution_id: UUID
    url: str
    event_types: list[str]
    generation: int
    active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message and how far it has come: waiting, delivered or given_up."""

    delivery_id: UUID
    type: str
    state: str
    attempts: int
    next_at: datetime
    last_status: int | None
    last_error: str | None
    created_at: datetime
    delivered_at: datetime | None


# -- secrets and signatures ------------------------------------------------------------------------


def secret_of(rules: Rules, webhook_id: UUID, generation: int) -> bytes:
    """The secret of one generation of a subscription: 32 bytes, known to nobody without the key."""
    told = f"webhook:{webhook_id}:{generation}".encode()
    return hmac.digest(rules.key.encode(), told, hashlib.sha256)


def shown(secret: bytes) -> str:
    """How a secret is handed over."""
    return f"whsec_{base64.b64encode(secret).decode()}"


def sign(secrets: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: one signature per valid secret."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digests = (hmac.digest(secret, signed, hashlib.sha256) for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


# -- where messages may go -------------------------------------------------------------------------


def check_address(url: str, rules: Rules) -> str:
    """The host of an allowed address.

    Raises: BadInput `webhook.address`.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise _bad("地址无效") from error
    if rules.loopback and parts.scheme == "http" and host in ("127.0.0.1", "localhost"):
        return host
    if parts.scheme != "https":
        raise _bad("须为 https 地址")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise _bad("地址中不能有用户名、密码或片段")
    if port not in (None, 443, 8443):
        raise _bad("端口须为 443 或 8443")
    if not any(host == each or (each[:1] == "." and host.endswith(each)) for each in rules.hosts):
        raise _bad("该域名未经平台许可,请联系平台管理员登记")
    return host


def _bad(why: str) -> BadInput:
    error = FieldError("url", "webhook.address", why)
    return BadInput("webhook.address", "推送地址不被接受", why, errors=[error])


async def resolve(host: str, port: int, rules: Rules) -> str:
    """The address to connect to; refused if any address of the name is not allowed.

    A name is resolved once and the connection goes to that very address, so that a name cannot
    point elsewhere a moment later.
    Raises: OSError, where it does not resolve; PermissionError, where an address is not allowed.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    networks = [ipaddress.ip_network(each) for each in rules.networks]
    for address in addresses:
        plain = getattr(address, "ipv4_mapped", None) or address
        loopback = rules.loopback and plain.is_loopback
        leased = any(plain.version == each.version and plain in each for each in networks)
        if not (loopback or leased or (plain.is_global and not plain.is_multicast)):
            raise PermissionError(f"{host} is not a public address")
    return str(addresses[0])


# -- subscriptions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subscribe:
    """What an institution wants to be told, and where."""

    url: str
    event_types: Sequence[str]
    rules: Rules


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A subscription with its secret, shown once."""

    webhook: Webhook
    secret: str


def _webhook(row: Any) -> Webhook:
    return Webhook(**row)


_FIELDS = "webhook_id, institution_id, url, event_types, generation, active, created_at"
MOST_PER_INSTITUTION: Final = 10


async def subscribe(command: Subscribe, tx: Transaction) -> Subscribed:
    """Open a subscription for the caller's institution.

    Raises: Conflict `webhook.off`, `webhook.too_many`; BadInput `webhook.address`.
    """
    if not command.rules.key:
        raise Conflict("webhook.off", "平台未启用事件推送")
    check_address(command.url, command.rules)
    driver = await tx.driver()
    held = await driver.fetchval(
        "select count(*) from webhook where institution_id = $1 and active",
        tx.principal.institution_id,
    )
    if int(held or 0) >= MOST_PER_INSTITUTION:
        raise Conflict("webhook.too_many", f"每个机构最多 {MOST_PER_INSTITUTION} 个推送地址")
    row = await driver.fetchrow(
        "insert into webhook (webhook_id, institution_id, url, event_types, created_by,"
        f" created_at) values ($1, $2, $3, $4, $5, $6) returning {_FIELDS}",
        *(new_id(), tx.principal.institution_id, command.url, list(command.event_types)),
        *(tx.principal.name, tx.now),
    )
    webhook = _webhook(row)
    tx.audit("webhook.opened", webhook.webhook_id, after={"types": webhook.event_types})
    secret = secret_of(command.rules, webhook.webhook_id, webhook.generation)
    return Subscribed(webhook, shown(secret))


async def webhooks(tx: Transaction) -> list[Webhook]:
    """The subscriptions of the caller's institution."""
    rows = await (await tx.driver()).fetch(
        f"select {_FIELDS} from webhook where institution_id = $1 order by created_at",
        tx.principal.institution_id,
    )
    return [_webhook(row) for row in rows]


async def rotate(command: tuple[UUID, Rules], tx: Transaction) -> Subscribed:
    """A new secret; the old one signs beside it for a day.

    Raises: NotFound `webhook.unknown`.
    """
    webhook_id, rules = command
    row = await (await tx.driver()).fetchrow(
        "update webhook set generation = generation + 1, rotated_at = clock_timestamp()"
        f" where webhook_id = $1 and institution_id = $2 and active returning {_FIELDS}",
        *(webhook_id, tx.principal.institution_id),
    )
    if row is None:
        raise NotFound("webhook.unknown", "没有这个推送地址")
    tx.audit("webhook.rotated", webhook_id)
    return Subscribed(_webhook(row), shown(secret_of(rules, webhook_id, row["generation"])))


async def close(webhook_id: UUID, tx: Transaction) -> Webhook:
    """End a subscription; what still waits is given up.

    Raises: NotFound `webhook.unknown`.
    """
    driver = await tx.driver()
    row = await driver.fetchrow(
        "update webhook set active = false where webhook_id = $1 and institution_id = $2"
        f" returning {_FIELDS}",
        *(webhook_id, tx.principal.institution_id),
    )
    if row is None:
        raise NotFound("webhook.unknown", "没有这个推送地址")
    await driver.execute(
        "update webhook_delivery set state = 'given_up', last_error = 'closed'"
        " where webhook_id = $1 and state = 'waiting'",
        webhook_id,
    )
    tx.audit("webhook.closed", webhook_id)
    return _webhook(row)


async def ping(webhook_id: UUID, tx: Transaction) -> Webhook:
    """Send a message of type `Ping`, so that a bank can try its own side.

    Raises: NotFound `webhook.unknown`.
    """
    found = next((each for each in await webhooks(tx) if each.webhook_id == webhook_id), None)
    if found is None or not found.active:
        raise NotFound("webhook.unknown", "没有这个推送地址")
    await _keep(tx, [(found.webhook_id, found.institution_id, PING, {})])
    return found


async def deliveries(tx: Transaction, webhook_id: UUID, limit: int) -> list[Delivery]:
    """The latest messages of a subscription, the newest first.

    Raises: NotFound `webhook.unknown`.
    """
    if webhook_id not in {each.webhook_id for each in await webhooks(tx)}:
        raise NotFound("webhook.unknown", "没有这个推送地址")
    rows = await (await tx.driver()).fetch(
        "select delivery_id, type, state, attempts, next_at, last_status, last_error, created_at,"
        " delivered_at from webhook_delivery where webhook_id = $1"
        " order by created_at desc limit $2",
        *(webhook_id, limit),
    )
    return [Delivery(**row) for row in rows]


# -- messages --------------------------------------------------------------------------------------


async def announce(tx: Transaction, events: Sequence[Event]) -> None:
    """Write one delivery per event and subscription of the institution that it names."""
    whose = {getattr(event, "institution_id", None) for event in events} - {None}
    if not whose:
        return
    rows = await (await tx.driver()).fetch(
        "select webhook_id, institution_id, event_types from webhook"
        " where active and institution_id = any($1::uuid[])",
        list(whose),
    )
    await _keep(
        tx,
        [
            (row["webhook_id"], row["institution_id"], type(event).__name__, _data_of(event))
            for event in events
            for row in rows
            if row["institution_id"] == getattr(event, "institution_id", None)
            and type(event).__name__ in row["event_types"]
        ],
    )


def _data_of(event: Event) -> dict[str, Any]:
    """The event's fields as the API writes them: amounts in yuan."""
    fields: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(event))
    return {
        name.removesuffix("_fen"): yuan(value) if name.endswith("_fen") else value
        for name, value in fields.items()
    }


async def _keep(
    tx: Transaction, messages: Sequence[tuple[UUID, UUID, str, Mapping[str, Any]]]
) -> None:
    rows = [
        (
            new_id(),
            webhook_id,
            institution_id,
            kind,
            json.dumps(
                {"type": kind, "timestamp": tx.now.isoformat(), "data": data}, ensure_ascii=False
            ),
            tx.now,
        )
        for webhook_id, institution_id, kind, data in messages
    ]
    if rows:
        await (await tx.driver()).executemany(
            "insert into webhook_delivery (delivery_id, webhook_id, institution_id, type, body,"
            " created_at, next_at) values ($1, $2, $3, $4, $5, $6, clock_timestamp())",
            rows,
        )


# -- sending ---------------------------------------------------------------------------------------

_TAKE = """
with due as (
  select d.delivery_id from webhook_delivery d
  where d.state = 'waiting' and d.next_at <= clock_timestamp()
  order by d.next_at limit $1 for update skip locked)
update webhook_delivery d
set attempts = d.attempts + 1, next_at = clock_timestamp() + make_interval(secs => $2)
from due, webhook w where d.delivery_id = due.delivery_id and w.webhook_id = d.webhook_id
returning d.delivery_id, d.webhook_id, d.body, d.attempts, w.url, w.generation,
  coalesce(w.rotated_at > clock_timestamp() - make_interval(hours => $3), false) as two
"""
_SETTLE = """
update webhook_delivery set state = $2, last_status = $3, last_error = $4,
  next_at = clock_timestamp() + make_interval(secs => $5),
  delivered_at = case when $2 = 'delivered' then clock_timestamp() end
where delivery_id = $1 and state = 'waiting'
"""


@dataclass(slots=True)
class Sender:
    """Sends what is due; as many of them as there are workers share the work."""

    database: Database
    rules: Rules
    context: ssl.SSLContext | None = None

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            try:
                while await self.round():
                    pass
            except Exception as error:  # the database away: everything is still there later
                log().warning("webhook.trouble", kind=type(error).__name__)
            await asyncio.sleep(POLL_S)

    async def round(self) -> int:
        """Send what is due now; how many messages that were."""
        async with self.database.transaction() as tx:
            taken = await (await tx.driver()).fetch(_TAKE, AT_ONCE, LEASE_S, OLD_SECRET_HOURS)
        if taken:
            async with self._client() as client:
                await asyncio.gather(*(self._send(client, row) for row in taken))
        return len(taken)

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            timeout=TIMEOUT_S,
            follow_redirects=False,
            trust_env=False,
            verify=self.context or ssl.create_default_context(),
            limits=httpx2.Limits(max_keepalive_connections=0),
        )

    async def _send(self, client: httpx2.AsyncClient, row: asyncpg.Record) -> None:
        status, error = None, None
        try:
            status = await self._post(client, row)
        except (httpx2.HTTPError, OSError, BadInput) as trouble:
            error = type(trouble).__name__
        await self._settle(row, status, error)

    async def _post(self, client: httpx2.AsyncClient, row: asyncpg.Record) -> int:
        host = check_address(row["url"], self.rules)
        parts = urlsplit(row["url"])
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = await resolve(host, port, self.rules)
        where = f"[{address}]" if ":" in address else address
        target = parts._replace(netloc=f"{where}:{port}").geturl()
        message_id, now, body = str(row["delivery_id"]), unix_now(), row["body"].encode()
        generations = (row["generation"], row["generation"] - 1)[: 1 + int(row["two"])]
        secrets = [secret_of(self.rules, row["webhook_id"], each) for each in generations]
        headers = {
            "host": parts.netloc,
            "content-type": "application/json",
            "user-agent": "yinqi-webhook/1",
            "webhook-id": message_id,
            "webhook-timestamp": str(now),
            "webhook-signature": sign(secrets, message_id, now, body),
        }
        more = {"sni_hostname": host}
        # Only the status counts: what else comes back is not read.
        async with client.stream(
            "POST", target, content=body, headers=headers, extensions=more
        ) as got:
            return got.status_code

    async def _settle(self, row: asyncpg.Record, status: int | None, error: str | None) -> None:
        tries = row["attempts"]
        if status is not None and 200 <= status < 300:
            state, wait = "delivered", 0
        elif status == GONE or tries > len(BACK_OFF_S):
            state, wait = "given_up", 0
        else:
            state, wait = "waiting", BACK_OFF_S[tries - 1]
        async with self.database.transaction() as tx:
            driver = await tx.driver()
            await driver.execute(_SETTLE, row["delivery_id"], state, status, error, wait)
            if status == GONE:
                await driver.execute(
                    "update webhook set active = false where webhook_id = $1", row["webhook_id"]
                )
