"""What every route stands on: who calls, one use case per call, pages of results, versions.

A route parses, runs one use case and answers. `Run` commits before the answer leaves, keeps the
answer under the caller's `Idempotency-Key`, and gives that same answer to a repeat.
"""

import base64
import json
from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

import msgspec
from fastapi import Depends, Query, Request, Response
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel, ConfigDict

from shared.kernel.errors import BadInput, Conflict
from shared.platform.accounts import Accounts
from shared.platform.auth import TokenVerifier, unauthenticated
from shared.platform.database import Database, Transaction
from shared.platform.frame import Answer, IdempotencyKey, body_hash
from shared.platform.principal import SYSTEM, Principal

CommandT = TypeVar("CommandT")
ResultT = TypeVar("ResultT")
P = ParamSpec("P")
SAFE = ("GET", "HEAD", "OPTIONS")
Limit = Annotated[int, Query(ge=1, le=500, description="每页条数")]
Cursor = Annotated[str | None, Query(description="上一页给出的 next_cursor")]


class In(BaseModel):
    """Base of request bodies: an unknown field is an error, not a silent loss."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Out(BaseModel):
    """Base of answers."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


async def who(request: Request) -> Principal:
    """The caller: the account of the bearer token, with its role and place as they are now.

    Raises: Refused 401 `access.unauthenticated`, `access.unknown_account`, `access.revoked`.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthenticated()
    verifier: TokenVerifier = request.app.state.verifier
    accounts: Accounts = request.app.state.accounts
    certificate = request.headers.get("x-client-cert", "")
    return await accounts.principal(await verifier.account_id(token, certificate))


async def anyone(_request: Request) -> Principal:
    """For the few routes that work before sign-in: the platform itself acts."""
    return SYSTEM


@dataclass(slots=True)
class Runner:
    """Runs use cases and queries for one request."""

    request: Request
    principal: Principal
    needs_key: bool = True

    @property
    def database(self) -> Database:
        """The service's database."""
        database: Database = self.request.app.state.database
        return database

    @property
    def settings(self) -> Any:
        """The service's settings."""
        return self.request.app.state.settings

    async def __call__(
        self,
        usecase: Callable[[CommandT, Transaction], Awaitable[ResultT]],
        command: CommandT,
        *,
        answer: Callable[[ResultT], object],
        status: int = 200,
        fingerprint: bytes | None = None,
    ) -> Response:
        """Run one use case in one transaction and answer with `answer` of its result.

        `fingerprint` stands for the body where that was not JSON (a file's digest).
        Raises: BadInput `idempotency.key_missing` or `.key_reused`, and whatever the use case
        raises.
        """
        key = await self._key(fingerprint)
        async with self.database.answering(self.principal, key) as (tx, answers):
            if not answers:
                result = await usecase(command, tx)
                answers.append(Answer(status, to_json(answer(result))))
        return _response(answers[0])

    async def read(
        self,
        query: Callable[Concatenate[Transaction, P], Awaitable[ResultT]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> ResultT:
        """Run one query on one moment's state."""
        async with self.database.read(self.principal) as tx:
            return await query(tx, *args, **kwargs)

    async def _key(self, fingerprint: bytes | None) -> IdempotencyKey | None:
        if not self.needs_key:
            return None
        key = _given_key(self.request)
        body = fingerprint if fingerprint is not None else await self.request.body()
        if fingerprint is None and body.startswith(BOM_UTF8):
            raise BadInput("request.byte_order_mark", "请求内容有误", "JSON 开头不能有 BOM 标记")
        route = f"{self.request.method} {self.request.url.path}"
        return IdempotencyKey(route, key, body_hash(body))


def _given_key(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if not 8 <= len(key) <= 128 or not key.isascii():
        raise BadInput(
            "idempotency.key_missing",
            "缺少幂等键",
            "请在请求头 Idempotency-Key 中给出 8 到 128 个字符,重试时保持不变",
            status=400,
        )
    return key


async def _runner(request: Request, principal: Annotated[Principal, Depends(who)]) -> Runner:
    if request.method not in SAFE:
        await has_key(request)  # before the body is judged: a call that cannot be repeated is none
    return Runner(request, principal)


async def has_key(request: Request) -> None:
    """Refuse a call without an idempotency key.

    Raises: BadInput 400 `idempotency.key_missing`.
    """
    _given_key(request)


def needs_key(dependant: Dependant) -> bool:
    """Whether a route refuses a writing call without an idempotency key."""
    return any(part.call in (_runner, has_key) for part in dependant.dependencies)


async def _open_runner(request: Request) -> Runner:
    return Runner(request, SYSTEM, needs_key=False)


Who = Annotated[Principal, Depends(who)]
Run = Annotated[Runner, Depends(_runner)]
RunOpen = Annotated[Runner, Depends(_open_runner)]
"""For routes without a signed-in caller: no idempotency key is asked for."""


def to_json(value: object) -> bytes:
    """JSON bytes of a model, or of plain values."""
    if isinstance(value, BaseModel):
        return value.__pydantic_serializer__.to_json(value)
    return msgspec.json.encode(value, enc_hook=_plain)


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _response(answer: Answer) -> Response:
    return Response(answer.body, status_code=answer.status, media_type="application/json")


def encode_cursor(*values: object) -> str:
    """An opaque place in a list."""
    return base64.urlsafe_b64encode(to_json(list(values))).decode().rstrip("=")


def decode_cursor(cursor: str | None, *kinds: type) -> list[Any] | None:
    """The values a cursor was made of, each of its kind; None for the first page.

    `kinds` are of str, int, UUID, date and datetime.
    Raises: BadInput `page.cursor`.
    """
    if not cursor:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list):
            raise TypeError("no list")
        given: list[object] = values
        return [_place(kind, value) for kind, value in zip(kinds, given, strict=True)]
    # What a caller made up may be anything: deep nesting, a day no calendar has.
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadInput("page.cursor", "分页标记无效,请从第一页重新查询") from error


def _place(kind: type, value: object) -> object:
    if type(value) is not (int if kind is int else str):
        raise TypeError("another kind")
    if kind is datetime:
        instant = datetime.fromisoformat(str(value))
        if instant.tzinfo is None:
            raise ValueError("without zone")
        return instant.astimezone(UTC)
    if kind is date:
        return date.fromisoformat(str(value))
    if kind is int and not 0 <= int(str(value)) < 2**63:
        raise ValueError("no place in a list")
    str(value).encode()  # half a character
    if "\x00" in str(value):
        raise ValueError("no text has it")
    return kind(value)


def page_of(
    rows: Sequence[ResultT], limit: int, place: Callable[[ResultT], tuple[object, ...]]
) -> tuple[list[ResultT], str | None]:
    """Split `limit + 1` fetched rows into a page and the cursor of the next one, if any."""
    page = list(rows[:limit])
    return page, encode_cursor(*place(page[-1])) if len(rows) > limit else None


def etag(version: object) -> str:
    """The ETag of a resource's version."""
    return f'"{version}"'


def expected_version(request: Request) -> int:
    """The version a change rests on, from `If-Match`.

    Raises: BadInput 428 `version.missing`, where the header is absent; `version.malformed`.
    """
    given = request.headers.get("if-match")
    if given is None:
        raise BadInput("version.missing", "缺少 If-Match", "请先读取,再带上读到的 ETag", status=428)
    try:
        return int(given.strip('"'))
    except ValueError as error:
        raise BadInput("version.malformed", "If-Match 无效") from error


def must_match(expected: int, actual: int) -> None:
    """Refuse a change that rests on an older state.

    Raises: Conflict 412 `version.stale`.
    """
    if expected != actual:
        raise Conflict("version.stale", "内容已被他人修改,请刷新后重试", status=412)
