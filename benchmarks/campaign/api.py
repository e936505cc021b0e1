"""The public HTTP API as a client sees it: people with a session, machines with a token.

Whoever calls here knows names, passwords and addresses, as a person or a bank's machine does.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any, Self

import httpx2
import msgspec

IN_FLIGHT = 16
TRIES = 12
_AGAIN = (429, 502, 503, 504)
_EARLY_SECONDS = 30
PAGE = 500
Json = dict[str, Any]


class Failed(Exception):
    """A request was not answered as the campaign needs it: says which, why, and the trace id."""

    def __init__(self, request: str, status: int, problem: Json) -> None:
        self.request = request
        self.status = status
        self.problem = problem
        super().__init__(self.told())

    def told(self) -> str:
        """The whole story in some lines."""
        problem = self.problem
        lines = [f"{self.request} → {self.status} {problem.get('code', '')}"]
        lines += [str(problem[key]) for key in ("title", "detail") if problem.get(key)]
        for error in problem.get("errors", [])[:5]:
            lines.append(f"  {error.get('where')}: {error.get('code')} {error.get('message')}")
        if problem.get("trace_id"):
            lines.append(f"trace_id {problem['trace_id']}")
        return "\n".join(lines)


class NotThere(Exception):
    """Something did not come by events in time, or came other than it has to be."""


@dataclass(slots=True)
class Caller:
    """One account: a person with a password, or a machine client with a secret."""

    name: str
    role: str
    password: str
    machine: bool = False
    account: Json = field(default_factory=dict[str, Any])
    #: What a request carries: a session's cookie and page token, or a bearer token.
    proof: dict[str, str] = field(default_factory=dict[str, str])
    until: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Api(AbstractAsyncContextManager["Api"]):
    """A client of the gateway with at most `in_flight` requests at a time.

    One client stands for hundreds of people, so each keeps its session cookie itself. Sessions end
    when the simulated clock jumps over them; then a new sign-in follows.
    """

    def __init__(self, url: str, *, in_flight: int = IN_FLIGHT) -> None:
        jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self.url = url
        self.requests = 0
        self._slots = asyncio.Semaphore(in_flight)
        self._client = httpx2.AsyncClient(
            base_url=f"{url}/api",
            cookies=jar,
            timeout=120,
            limits=httpx2.Limits(max_connections=in_flight, max_keepalive_connections=in_flight),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    # -- requests

    async def get(self, who: Caller, path: str, **params: object) -> Json:
        """Read something."""
        given = {name: str(value) for name, value in params.items() if value is not None}
        answer = await self.ask(who, "GET", path, params=given)
        return msgspec.json.decode(answer.content)

    async def post(self, who: Caller, path: str, body: object, *, turn: int = 0) -> Json:
        """Do something; the same path, body and turn is the same deed, however often it is sent."""
        return await self._send(who, "POST", path, body, {}, turn)

    async def patch(self, who: Caller, path: str, body: object, version: str) -> Json:
        """Change what was read as `version`."""
        return await self._send(who, "PATCH", path, body, {"if-match": version}, 0)

    async def _send(
        self, who: Caller, method: str, path: str, body: object, more: dict[str, str], turn: int
    ) -> Json:
        content = msgspec.json.encode(body)
        key = hashlib.sha256(f"{method} {path} {turn}\n".encode() + content).hexdigest()[:40]
        headers = {"content-type": "application/json", "idempotency-key": key, **more}
        answer = await self.ask(who, method, path, content=content, headers=headers)
        return msgspec.json.decode(answer.content) if answer.content else {}

    async def upload(self, who: Caller, path: str, name: str, raw: bytes, form: Json) -> Json:
        """Send a file with its form."""
        key = hashlib.sha256(repr(sorted(form.items())).encode() + raw).hexdigest()[:40]
        answer = await self.ask(
            who,
            "POST",
            path,
            files={"file": (name, raw)},
            data={field: str(value) for field, value in form.items()},
            headers={"idempotency-key": key},
        )
        return msgspec.json.decode(answer.content)

    async def pages(self, who: Caller, path: str, **params: object) -> AsyncIterator[Json]:
        """All items of a list, page after page."""
        cursor: str | None = None
        while True:
            body = await self.get(who, path, limit=PAGE, cursor=cursor, **params)
            for item in body["items"]:
                yield item
            cursor = body.get("next_cursor")
            if not cursor:
                return

    async def ask(
        self,
        who: Caller | None,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> httpx2.Response:
        """Send a request until it is answered for good.

        What a client does again: too many requests, a part that is away, a connection that broke.
        Raises: Failed.
        """
        pause, problem, status = 0.1, "", 0
        for _ in range(TRIES):
            try:
                # Who signs in takes no slot: those who wait for a token would hold them all.
                async with self._slots if who else nullcontext():
                    used = await self.proof(who) if who else {}
                    sent = used | (headers or {})
                    self.requests += 1
                    answer = await self._client.request(method, path, headers=sent, **more)
            except httpx2.TransportError as error:
                problem = repr(error)
            else:
                if answer.status_code < 400:
                    return answer
                status, problem = answer.status_code, problem_of(answer)
                if status == 401 and who is not None:
                    who.until = 0.0 if who.proof == used else who.until
                elif status not in _AGAIN:
                    raise Failed(f"{method} {path}", status, problem)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)
        shown = problem if isinstance(problem, dict) else {"title": problem}
        raise Failed(f"{method} {path} ({TRIES} times)", status, shown)

    # -- who is calling

    async def proof(self, who: Caller) -> dict[str, str]:
        """The headers that show who calls; signs in where there are none, or none any more."""
        async with who.lock:
            if who.until <= time.monotonic():
                await (self._machine_token(who) if who.machine else self._sign_in(who))
            return who.proof

    async def _machine_token(self, who: Caller) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": who.name,
            "client_secret": who.password,
        }
        body = (await self.ask(None, "POST", "/identity/v1/token", data=form)).json()
        who.account = body["account"]
        who.proof = {"authorization": f"Bearer {body['access_token']}"}
        who.until = time.monotonic() + body["expires_in"] - _EARLY_SECONDS

    async def _sign_in(self, who: Caller) -> None:
        given = {"username": who.name, "password": who.password}
        answer = await self.ask(None, "POST", "/identity/v1/sign-in", json=given)
        body = answer.json()
        who.account = body["account"]
        who.proof = {"cookie": _session_cookie(answer), "x-csrf-token": body["csrf_token"]}
        who.until = float("inf")


def _session_cookie(answer: httpx2.Response) -> str:
    """The session's own cookie of a sign-in, as it is sent back."""
    given = [text.partition(";")[0] for text in answer.headers.get_list("set-cookie")]
    return next(text for text in given if text.partition("=")[0].endswith("yinqi_session"))


def problem_of(answer: httpx2.Response) -> Json:
    """The problem document of an answer, or what there is instead."""
    try:
        body = answer.json()
    except ValueError:
        return {"title": answer.text[:300]}
    return body if isinstance(body, dict) else {"title": str(body)[:300]}
