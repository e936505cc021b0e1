"""What every operation of every service does with a call that cannot be meant well.

Idempotency: a writing call without a key does not happen. S18: NUL bytes, half characters, numbers
no money has, and JSON too deep are the caller's fault in every service, never an error of ours.
"""

import base64
import json
import re
from functools import cache
from importlib import import_module
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from shared.contracts.identity import Role
from shared.platform.service import create_app
from shared.platform.settings import SERVICES, PlatformSettings
from shared.platform.web import SAFE
from tests.support.stack import Stack

ID = "0192f0c1-0000-7000-8000-000000000001"
DEEP = 100_000
HOSTILE: dict[str, bytes] = {
    "NUL": b'{"a":"\\u0000","rows":[{"a":"\\u0000"}]}',
    "raw NUL": b'{"a":"\x00"}',
    "lone surrogate": b'{"\\ud800":"\\udfff","rows":[{"a":"\\ud800"}]}',
    "half utf-8": b'{"a":"\xff\xfe"}',
    "NaN": b'{"amount":NaN,"rows":[{"amount":NaN}]}',
    "Infinity": b'{"amount":-Infinity}',
    "10^400": b'{"amount":1e400,"rows":[{"amount":1e400}]}',
    "400 digits": b'{"amount":' + b"9" * 400 + b"}",
    "10,000 digits": b'{"amount":' + b"9" * 10_000 + b"}",
    "deep list": b"[" * DEEP + b"]" * DEEP,
    "deep object": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "unclosed": b"[" * DEEP,
    "not an object": b'"text"',
    "null": b"null",
    "nothing": b"",
    "twice": b'{"a":1}{"a":2}',
    "BOM": b"\xef\xbb\xbf{}",
}


@cache
def document(service: str) -> dict[str, Any]:
    found = import_module(f"services.{service}.service").SERVICE
    return create_app(found, PlatformSettings(simulation=False)).openapi()


def operations() -> list[tuple[str, str, str, dict[str, Any]]]:
    """Service, method, path with ids put in, and what the document says of it."""
    found = []
    for service in SERVICES:
        for path, methods in document(service)["paths"].items():
            filled = re.sub(r"\{\w+\}", ID, path).removeprefix(f"/api/{service}/v1")
            for method, operation in methods.items():
                found.append((service, method.upper(), filled, operation))
    return found


def able(stack: Stack, service: str) -> list[Any]:
    """Callers of every role that has a place to stand in; those who may not are refused first."""
    places: dict[Role, dict[str, Any]] = {
        "platform_admin": {},
        "province_regulator": {},
        "bank_head": {"institution_id": uuid4()},
        "bank_core": {"institution_id": uuid4()},
        "relationship_manager": {
            "institution_id": uuid4(),
            "outlet_id": uuid4(),
            "staff_id": uuid4(),
        },
    }
    return [stack.caller(service, role, **place) for role, place in places.items()]


async def test_S07_no_writing_call_happens_without_an_idempotency_key(whole_stack: Stack) -> None:
    await whole_stack.empty()
    tried = 0
    for service, method, path, operation in operations():
        if method in SAFE or not operation["security"]:
            continue
        answers = [
            await caller(method, path, key="short", json={})
            for caller in able(whole_stack, service)
        ]
        codes = {a.json()["code"] for a in answers if a.status_code != 403}
        assert codes == {"idempotency.key_missing"}, (service, method, path)
        assert {a.status_code for a in answers} <= {400, 403}
        tried += 1
    assert tried > 20
    print(f"{tried} writing operations without a key: 0 happened")


async def test_S18_hostile_bodies_are_the_callers_fault_in_every_operation(
    whole_stack: Stack,
) -> None:
    await whole_stack.empty()
    sent, wrong = 0, []
    for service, method, path, operation in operations():
        if "application/json" not in operation.get("requestBody", {}).get("content", {}):
            continue
        caller = await first_able(whole_stack, service, method, path)
        for name, body in HOSTILE.items():
            headers = {"content-type": "application/json"}
            answer = await caller(method, path, content=body, headers=headers)
            sent += 1
            if not fair(answer):
                wrong.append((service, method, path, name, answer.status_code))
    assert sent > 200
    assert wrong == []
    print(f"{sent} hostile bodies: all 4xx")


def fair(answer: httpx2.Response) -> bool:
    """A refusal as a problem document."""
    told = answer.headers["content-type"] == "application/problem+json"
    return told and 400 <= answer.status_code < 500


async def first_able(stack: Stack, service: str, method: str, path: str) -> Any:
    for caller in able(stack, service):
        if (await caller(method, path, json={})).status_code != 403:
            return caller
    return able(stack, service)[0]


HOSTILE_TEXTS = ["\x00", "%00", "%ed%a0%80", "%ff", "a" * 5000, "' or 1=1 --", "%", "_", "\\"]


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
async def test_S18_hostile_words_in_addresses_are_the_callers_fault(
    whole_stack: Stack, text: str
) -> None:
    await whole_stack.empty()
    wrong = []
    for service, method, path, operation in operations():
        if method != "GET" or not operation["security"]:
            continue
        caller = whole_stack.caller(service, "province_regulator")
        names = [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"]
        word = text if text.startswith("%") and len(text) > 1 else httpx2.QueryParams({"": text})
        value = str(word).removeprefix("=")
        for query in [*(f"{path}?{name}={value}" for name in names), path.replace(ID, value)]:
            if "{" in query or "\x00" in query:
                continue
            answer = await caller("GET", query)
            if answer.status_code >= 500:
                wrong.append((service, query[:120], answer.status_code))
    assert wrong == []


PLACES: list[Any] = [
    "x", "", "\x00", "\ud800", None, True, -1, 0, 2**31, 2**63, 10**400, 0.5, [], {}, [[]],
    "2022-13-45", "2022-02-30", "0001-01-01", "9999-12-31", "2022-07-01T00:00:00",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", ID, "no-uuid", "' or 1=1 --",
]  # fmt: skip
NEEDED = {"campaign_id": ID, "quarter": "2022Q3", "metric": "visited", "enterprise_id": ID}


def crafted_cursors() -> list[str]:
    """Places in lists that no list ever gave out, of one and of two parts, and no places at all."""
    one = [json.dumps([place]) for place in PLACES]
    two = [json.dumps([first, second]) for first in PLACES for second in (ID,)]
    odd = ["", "null", "{}", '"x"', "[", "[" * 5_000 + "]" * 5_000, "\x00", "[1,2,3]"]
    texts = [base64.urlsafe_b64encode(text.encode()).decode() for text in one + two + odd]
    return [*texts, "!", "=", "a", "%", "é", "A" * 7_000]


async def test_S18_a_crafted_cursor_is_the_callers_fault_in_every_list(
    whole_stack: Stack,
) -> None:
    await whole_stack.empty()
    sent, wrong = 0, []
    for service, method, path, operation in operations():
        asked = {p["name"]: p for p in operation.get("parameters", []) if p["in"] == "query"}
        if method != "GET" or "cursor" not in asked:
            continue
        filled = {name: NEEDED[name] for name in asked if name in NEEDED}
        callers = [whole_stack.caller(service, "province_regulator"), *able(whole_stack, service)]
        statuses = [(await each("GET", path, params=filled)).status_code for each in callers]
        caller = next(c for c, status in zip(callers, statuses, strict=True) if status != 403)
        for cursor in crafted_cursors():
            answer = await caller("GET", path, params=filled | {"cursor": cursor})
            sent += 1
            if answer.status_code >= 500:
                wrong.append((service, path, cursor[:60], answer.status_code))
    assert sent > 1_500
    assert wrong == []
    print(f"{sent} crafted cursors: none is a fault of the server")
