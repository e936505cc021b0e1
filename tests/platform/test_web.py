"""The edge: one answer per idempotency key, problem documents, and what a dead database answers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from shared.platform.service import create_app
from shared.platform.settings import PlatformSettings
from tests.faults.program import CREDIT, CREDIT_TABLES
from tests.platform.bus import Bus
from tests.support.tokens import TokenMint

PATH = "/api/credit/v1/bookings"


class Edge:
    """The app of a tiny service on the bus's writing database."""

    def __init__(self, bus: Bus, client: httpx2.AsyncClient, mint: TokenMint) -> None:
        self.bus = bus
        self.client = client
        self.mint = mint
        self.token = ""

    async def someone(self) -> str:
        """The token of another machine client that the service knows of."""
        account = self.mint.account("bank_core", institution_id=uuid4())
        connection = await asyncpg.connect(self.bus.url("w"))
        await account.keep(connection)
        await connection.close()
        return account.token

    async def post(self, body: Any, *, key: str | None = None, token: str | None = None) -> Any:
        headers = {"authorization": f"Bearer {token or self.token}"}
        if key is not None:
            headers["idempotency-key"] = key
        return await self.client.post(PATH, json=body, headers=headers)

    async def booked(self) -> int:
        return await self.bus.value("w", "select count(*) from booked")


def body(amount: int = 5) -> dict[str, Any]:
    return {"id": str(uuid4()), "number": 1, "amount_fen": amount}


@pytest.fixture
async def edge(
    log_bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Edge]:
    for statement in CREDIT_TABLES.split(";\n"):
        if statement.strip():
            await log_bus.sql("w", statement)
    mint = TokenMint(tmp_path)
    monkeypatch.setenv("CREDIT_DATABASE_URL", log_bus.url("w"))
    app = create_app(CREDIT, PlatformSettings(jwks_file=mint.jwks_file))
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        edge = Edge(log_bus, client, mint)
        edge.token = await edge.someone()
        yield edge


async def test_a_repeat_gets_the_first_answer_and_does_nothing(edge: Edge) -> None:
    first = await edge.post(given := body(), key="key-0001")
    again = await edge.post(given, key="key-0001")
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert await edge.booked() == 1
    assert await edge.bus.value("w", "select count(*) from outbox") == 1


async def test_twins_at_the_same_time_do_it_once(edge: Edge) -> None:
    given = body()
    answers = await asyncio.gather(*(edge.post(given, key="twins-01") for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await edge.booked() == 1


async def test_a_key_used_for_another_body_is_refused(edge: Edge) -> None:
    await edge.post(body(1), key="key-0001")
    answer = await edge.post(body(2), key="key-0001")
    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency.key_reused"
    assert await edge.booked() == 1


async def test_two_callers_may_use_the_same_key(edge: Edge) -> None:
    other = await edge.someone()
    await edge.post(body(), key="key-0001")
    await edge.post(body(), key="key-0001", token=other)
    assert await edge.booked() == 2


@pytest.mark.parametrize("key", [None, "short", "x" * 129, "中文中文中文中文"])
async def test_a_write_needs_a_usable_key(edge: Edge, key: str | None) -> None:
    headers: dict[str, Any] = {"authorization": f"Bearer {edge.token}"}
    if key is not None:
        headers["idempotency-key"] = key.encode()
    answer = await edge.client.post(PATH, json=body(), headers=headers)
    assert answer.status_code == 400
    assert answer.json()["code"] == "idempotency.key_missing"
    assert await edge.booked() == 0


async def test_a_failed_call_leaves_nothing_and_its_key_may_be_used_again(edge: Edge) -> None:
    answer = await edge.post(body(-5), key="key-0001")
    assert answer.status_code >= 400
    assert await edge.booked() == 0
    assert await edge.bus.value("w", "select count(*) from idempotency") == 0
    assert (await edge.post(body(5), key="key-0001")).status_code == 201


@pytest.mark.parametrize(
    ("given", "where", "code"),
    [
        ({"number": 1, "amount_fen": 1}, "id", "field.missing"),
        (body() | {"amount_fen": "1.5"}, "amount_fen", "field.int_parsing"),
        (body() | {"unknown": 1}, "unknown", "field.extra_forbidden"),
        (body() | {"id": "x"}, "id", "field.uuid_parsing"),
    ],
)
async def test_a_wrong_field_is_named_in_chinese(
    edge: Edge, given: dict[str, Any], where: str, code: str
) -> None:
    answer = await edge.post(given, key="key-0001")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["title"] == "请求内容有误"
    assert [(e["where"], e["code"]) for e in problem["errors"]] == [(where, code)]
    assert await edge.booked() == 0


async def test_no_token_a_foreign_one_and_an_old_one_are_refused(
    edge: Edge, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    foreign = TokenMint(tmp_path / "other").token(uuid4())
    old = edge.mint.token(uuid4(), lifetime_s=-1)
    elsewhere = edge.mint.token(uuid4(), audience=["visits"])
    for token in ("x", foreign, old, elsewhere):
        answer = await edge.post(body(), key="key-0001", token=token)
        assert answer.status_code == 401
        assert answer.json()["code"] == "access.unauthenticated"
    assert await edge.booked() == 0


async def test_a_cut_database_session_answers_503_and_the_repeat_succeeds(edge: Edge) -> None:
    await edge.post(body(), key="key-0000")
    await edge.bus.sql(
        "w",
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()",
    )
    given, statuses = body(), list[int]()
    for _ in range(20):
        statuses.append((await edge.post(given, key="key-0001")).status_code)
        if statuses[-1] == 201:
            break
    assert statuses[-1] == 201
    assert set(statuses[:-1]) <= {503}
    assert await edge.booked() == 2


async def test_health_tells_what_waits_and_what_is_parked(edge: Edge) -> None:
    await edge.post(body(), key="key-0001")
    answer = await edge.client.get("/api/credit/v1/health")
    assert answer.json() == {"status": "ok", "service": "credit", "outbox": 1, "parked": 0}
    metrics = (await edge.client.get("/api/credit/v1/metrics")).text
    assert 'yinqi_outbox_depth{service="credit"} 1.0' in metrics
