"""Webhooks: what happened, told to a bank's own system, by the Standard Webhooks rules.

A deciding transaction writes one delivery per subscription (`announce`); a loop of the worker sends
what is due (`webhook_sender.py`). Where messages may go, and how they are signed, stands in
`webhook_rules.py`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from shared.contracts.event import Event
from shared.kernel.errors import Conflict, NotFound
from shared.kernel.ids import new_id
from shared.kernel.money import yuan
from shared.platform.database import Transaction
from shared.platform.webhook_rules import Rules, check_address, secret_of, shown

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
