"""Sends the webhooks that are due, and writes down how it went.

A message keeps its id over all tries, so whoever receives it can know it again; after a rotation
both the new and the old secret sign for a day.
"""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import httpx2

from shared.kernel.errors import BadInput
from shared.platform.clock import unix_now
from shared.platform.database import Database
from shared.platform.logging import log
from shared.platform.webhook_rules import Rules, check_address, resolve, secret_of, sign

#: Seconds to wait after each failed try; after the last one a delivery is given up.
BACK_OFF_S: Final = (5, 30, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
OLD_SECRET_HOURS: Final = 24
LEASE_S: Final = 60
TIMEOUT_S: Final = 10.0
AT_ONCE: Final = 8
POLL_S: Final = 0.5
GONE: Final = 410

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
