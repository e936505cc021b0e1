"""Webhooks: signed by the Standard Webhooks rules, tried again, and never sent where they must not.

The receiver is a real HTTP server; signatures are checked by the third-party package.
"""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from shared.kernel.errors import BadInput
from shared.platform.webhook_rules import Rules, check_address, resolve, shown
from shared.platform.webhook_sender import BACK_OFF_S, Sender
from tests.credit.test_applications import APPROVAL, filed
from tests.credit.world import A, B, World, assigned, enterprise_id
from tests.support.stack import Caller, Stack

RULES = Rules("a key of the tests", loopback=True)


@dataclass
class Receiver:
    """A bank's own system."""

    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list[Any])
    statuses: list[int] = field(default_factory=list[int])
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/events?x=1"

    def verified(self, at: int, secret: str) -> dict[str, Any]:
        headers, body = self.got[at]
        return dict(Webhook(secret).verify(body, headers))


class Server(ThreadingHTTPServer):
    """Takes as many at once as some senders open; the library's five are turned away under load."""

    request_queue_size = 64


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    heard = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            status = heard.statuses.pop(0) if heard.statuses else 204
            self.send_response(status)
            if status == 302:
                self.send_header("Location", heard.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    heard.port = server.server_address[1]
    yield heard
    server.shutdown()
    thread.join()
    server.server_close()


async def subscribed(caller: Caller, receiver: Receiver, *types: str) -> dict[str, Any]:
    given = {"url": receiver.url, "event_types": list(types or ("ApplicationDecided",))}
    answer = await caller.post("/webhooks", json=given)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def decided_application(world: World) -> str:
    application_id = await filed(world)
    answer = await world.head().post(f"/applications/{application_id}/decision", json=APPROVAL)
    assert answer.status_code == 200, answer.text
    return application_id


async def due_now(stack: Stack) -> None:
    async with stack.database("credit").transaction() as tx:
        await (await tx.driver()).execute("update webhook_delivery set next_at = clock_timestamp()")


async def sent(stack: Stack) -> None:
    while await Sender(stack.database("credit"), RULES).round():
        pass


async def states(caller: Caller, webhook_id: str) -> list[tuple[str, int, int | None]]:
    items = (await caller.get(f"/webhooks/{webhook_id}/deliveries")).json()["items"]
    return [(item["state"], item["attempts"], item["last_status"]) for item in items]


async def test_a_bank_is_told_of_its_own_events_and_of_no_others(
    world: World, stack: Stack, receiver: Receiver
) -> None:
    mine, other = world.core(), world.core(B)
    kinds = ("EnterpriseAssigned", "EnterpriseUnassigned", "ApplicationDecided")
    secret = (await subscribed(mine, receiver, *kinds))["secret"]
    elsewhere = await subscribed(other, receiver, *kinds)
    decided = await decided_application(world)
    await stack.publish(assigned(2, A))
    await stack.settle()
    await sent(stack)
    told = {(m := receiver.verified(at, secret))["type"]: m for at in range(len(receiver.got))}
    assert set(told) == {"ApplicationDecided", "EnterpriseAssigned"}
    assert told["ApplicationDecided"]["data"]["application_id"] == decided
    assert told["EnterpriseAssigned"]["data"]["enterprise_id"] == str(enterprise_id(2))
    assert all(m["data"]["institution_id"] == str(A.institution_id) for m in told.values())
    assert await states(other, elsewhere["webhook_id"]) == []


async def test_a_signature_by_another_secret_or_of_another_body_is_none(
    world: World, stack: Stack, receiver: Receiver
) -> None:
    core = world.core()
    made = await subscribed(core, receiver)
    assert (await core.post(f"/webhooks/{made['webhook_id']}/ping")).status_code == 202
    await sent(stack)
    headers, body = receiver.got[0]
    assert receiver.verified(0, made["secret"])["type"] == "Ping"
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(shown(bytes(32))).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(body, headers | {"webhook-id": str(uuid4())})
    assert made["secret"] not in (await core.get("/webhooks")).text


async def test_after_a_rotation_old_and_new_secret_both_fit_for_a_day(
    world: World, stack: Stack, receiver: Receiver
) -> None:
    core = world.core()
    made = await subscribed(core, receiver)
    path = f"/webhooks/{made['webhook_id']}"
    fresh = (await core.post(f"{path}/rotate")).json()["secret"]
    assert fresh != made["secret"]
    await core.post(f"{path}/ping")
    await sent(stack)
    assert receiver.verified(0, made["secret"]) == receiver.verified(0, fresh)
    async with stack.database("credit").transaction() as tx:
        await (await tx.driver()).execute("update webhook set rotated_at = now() - interval '2 d'")
    await core.post(f"{path}/ping")
    await sent(stack)
    assert receiver.verified(1, fresh)["type"] == "Ping"
    with pytest.raises(WebhookVerificationError):
        receiver.verified(1, made["secret"])


async def test_a_failed_message_is_tried_again_under_its_id_until_it_is_given_up(
    world: World, stack: Stack, receiver: Receiver
) -> None:
    core = world.core()
    made = await subscribed(core, receiver)
    await core.post(f"/webhooks/{made['webhook_id']}/ping")
    receiver.statuses = [500, 302, 404]
    await sent(stack)
    assert len(receiver.got) == 1  # not due again at once
    for _ in range(3):
        await due_now(stack)
        await sent(stack)
    assert await states(core, made["webhook_id"]) == [("delivered", 4, 204)]
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert len(receiver.got) == 4  # a redirection was not followed

    await core.post(f"/webhooks/{made['webhook_id']}/ping")
    receiver.statuses = [503] * 20
    for _ in range(len(BACK_OFF_S) + 3):
        await due_now(stack)
        await sent(stack)
    assert (await states(core, made["webhook_id"]))[0] == ("given_up", 11, 503)


async def test_a_receiver_that_says_gone_is_told_nothing_more(
    world: World, stack: Stack, receiver: Receiver
) -> None:
    core = world.core()
    made = await subscribed(core, receiver)
    await core.post(f"/webhooks/{made['webhook_id']}/ping")
    receiver.statuses = [410]
    await sent(stack)
    (shown,) = (await core.get("/webhooks")).json()["items"]
    assert not shown["active"]
    assert (await core.post(f"/webhooks/{made['webhook_id']}/ping")).status_code == 404


async def test_two_workers_do_not_send_one_message_twice(
    world: World, stack: Stack, receiver: Receiver
) -> None:
    core = world.core()
    made = await subscribed(core, receiver)
    for _ in range(20):
        await core.post(f"/webhooks/{made['webhook_id']}/ping")
    senders = [Sender(stack.database("credit"), RULES) for _ in range(3)]
    for _ in range(5):
        await asyncio.gather(*(sender.round() for sender in senders))
    assert len(receiver.got) == len({headers["webhook-id"] for headers, _ in receiver.got}) == 20


async def test_S01_another_banks_subscription_does_not_exist(
    world: World, receiver: Receiver
) -> None:
    made = await subscribed(world.core(), receiver)
    other = world.core(B)
    path = f"/webhooks/{made['webhook_id']}"
    answers = [
        await other.post(f"{path}/rotate"),
        await other.post(f"{path}/ping"),
        await other("DELETE", path),
        await other.get(f"{path}/deliveries"),
    ]
    assert {(a.status_code, a.json()["code"]) for a in answers} == {(404, "webhook.unknown")}
    assert (await other.get("/webhooks")).json() == {"items": []}


OPEN = Rules("k", hosts=("core.bank.example", ".group.example"))
REFUSED = [
    "http://core.bank.example/x",
    "ftp://core.bank.example/x",
    "file:///etc/passwd",
    "gopher://core.bank.example/",
    "https://evil.example/x",
    "https://core.bank.example.evil.example/x",
    "https://core.bank.example@evil.example/x",
    "https://user:pw@core.bank.example/x",
    "https://evil.example#core.bank.example",
    "https://evil.example/?core.bank.example",
    "https://core.bank.example:22/x",
    "https://core.bank.example:99999/x",
    "https://127.0.0.1/x",
    "https://localhost/x",
    "https://[::1]/x",
    "https://169.254.169.254/latest/meta-data",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://group.example/x",
    "https://xgroup.example/x",
    "https:///x",
    "https://[::ffff:127.0.0.1]/",
    "//core.bank.example/x",
    "",
]


@pytest.mark.parametrize("url", REFUSED)
def test_S19_an_address_outside_the_list_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match=r"webhook\.address"):
        check_address(url, OPEN)


@pytest.mark.parametrize(
    "url",
    ["https://core.bank.example/x", "https://CORE.bank.example:8443/", "https://a.group.example/"],
)
def test_S19_an_address_on_the_list_is_taken(url: str) -> None:
    assert check_address(url, OPEN) in url.lower()


INWARD = ["127.0.0.1", "10.0.0.8", "172.16.3.4", "192.168.1.1", "169.254.169.254", "0.0.0.0"]
INWARD += ["100.64.0.1", "::1", "fd00::1", "fe80::1", "::ffff:10.0.0.1", "224.0.0.1"]


@pytest.mark.parametrize("address", INWARD)
async def test_S19_a_name_that_points_inward_is_not_connected_to(address: str) -> None:
    with pytest.raises(PermissionError):
        await resolve(address, 443, OPEN)
    leased = Rules("k", networks=("10.0.0.0/8",))
    if address == "10.0.0.8":
        assert await resolve(address, 443, leased) == address


async def test_S19_what_is_stored_is_judged_again_when_it_is_sent(
    world: World, stack: Stack, receiver: Receiver
) -> None:
    """A rule that the operator tightens holds for subscriptions that were there before."""
    core = world.core()
    made = await subscribed(core, receiver)
    await core.post(f"/webhooks/{made['webhook_id']}/ping")
    await Sender(stack.database("credit"), Rules(RULES.key)).round()
    assert receiver.got == []
    assert await states(core, made["webhook_id"]) == [("waiting", 1, None)]


async def test_messages_carry_no_names_and_the_database_no_secret(
    world: World, stack: Stack, receiver: Receiver
) -> None:
    core = world.core()
    made = await subscribed(core, receiver)
    await decided_application(world)
    await sent(stack)
    assert json.loads(receiver.got[0][1])["data"].keys() <= {
        *("application_id", "enterprise_id", "institution_id", "outlet_id", "region_code"),
        *("approved", "amount", "reason_code", "decided_on"),
    }
    assert json.loads(receiver.got[0][1])["data"]["amount"] == "3000000.00"
    rows = await stack.rows("credit", "select * from webhook")
    assert made["secret"].removeprefix("whsec_")[:20] not in str([dict(row) for row in rows])
