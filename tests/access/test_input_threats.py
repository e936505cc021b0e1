"""S04, S14: what is put into calls stays what it is: no field that is not asked for, no language.

Both walk the services' own OpenAPI documents, so what is new is tried from its first day.
"""

import time
from typing import Any
from uuid import uuid4

import httpx2

from tests.access.bodies import schema_of, smallest
from tests.platform.test_hostile_input import NEEDED, document, first_able, operations
from tests.registry.sheets import TODAY, firm, imported, lines_of, xlsx
from tests.support.stack import Stack

Json = dict[str, Any]
#: Fields by which a caller would give itself another's place, standing or decision.
FOREIGN = (
    "bank_id", "tenant_id", "status", "score", "decided_by", "region", "account_id", "created_by",
    "is_admin", "permissions", "known_at", "verified", "__proto__",
)  # fmt: skip
SLEEP_SECONDS = 10
INJECTED = (
    "' or '1'='1",
    "x' or 1=1 --",
    "x'; drop table account; --",
    f"x' || (select pg_sleep({SLEEP_SECONDS})) || '",
    f"x') or (select 1 from pg_sleep({SLEEP_SECONDS})) is not null --",
    "x' union select rolname from pg_roles --",
    "{{1373*9931}}${1373*9931}<%= 1373*9931 %>#{1373*9931}",
    "a" * 3_000 + "!",
    "(((((a+)+)+)+)+)$" + "a" * 200,
)


async def test_S04_a_field_that_nobody_asked_for_is_refused_in_every_body(
    whole_stack: Stack,
) -> None:
    await whole_stack.empty()
    tried, wrong = 0, list[str]()
    for service, method, path, operation in operations():
        schema = schema_of(operation, document(service))
        if schema is None:
            continue
        caller = await first_able(whole_stack, service, method, path)
        good = smallest(schema, document(service))
        for name in FOREIGN:
            if name in schema.get("properties", {}):
                continue
            answer = await caller(method, path, json=good | {name: "province_regulator"})
            tried += 1
            codes = [error["where"] for error in answer.json().get("errors", [])]
            if answer.status_code != 422 or not any(name in where for where in codes):
                wrong.append(f"{service} {method} {path} {name}: {answer.status_code} {codes}")
    assert tried > 500
    assert wrong == []
    print(f"{tried} fields that nobody asked for: 0 taken")


def told_of_a_language(answer: httpx2.Response, seconds: float) -> bool:
    """Whether an answer shows that a text was run as SQL, a template or a slow pattern."""
    ran = "13635263" in answer.text or "pg_monitor" in answer.text
    return answer.status_code >= 500 or seconds >= SLEEP_SECONDS or ran


async def test_S14_a_text_in_an_address_is_never_a_language(whole_stack: Stack) -> None:
    await whole_stack.empty()
    tried, wrong = 0, list[str]()
    for service, method, path, operation in operations():
        asked = [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"]
        if method != "GET" or not operation["security"]:
            continue
        caller = await first_able(whole_stack, service, method, path)
        needed = {name: value for name, value in NEEDED.items() if name in asked}
        for name in asked:
            for text in INJECTED:
                began = time.monotonic()
                answer = await caller(method, path, params=needed | {name: text})
                tried += 1
                if told_of_a_language(answer, time.monotonic() - began):
                    wrong.append(f"{service} {path}?{name}={text[:60]}: {answer.status_code}")
    assert tried > 1_000
    assert wrong == []
    print(f"{tried} texts in addresses: 0 were a language")


async def test_S14_a_condition_that_is_always_true_finds_nothing(whole_stack: Stack) -> None:
    """Over real rows: where the text was part of the statement, everything would come."""
    await whole_stack.empty()
    await whole_stack.set_clock(TODAY)
    regulator = whole_stack.caller("registry", "province_regulator", account_id=uuid4())
    await imported(whole_stack, regulator, xlsx(lines_of([firm(1), firm(2)])))
    assert len((await regulator.get("/enterprises")).json()["items"]) == 2
    for text in INJECTED[:6]:
        for path in ("/enterprises", "/search"):
            answer = await regulator.get(path, params={"q": text})
            assert answer.status_code in (200, 422), answer.text
            assert answer.json().get("items", []) == [], (path, text)
    people = whole_stack.caller("identity", "province_regulator", account_id=uuid4())
    assert len((await people.get("/accounts")).json()["items"]) > 0
    for text in INJECTED[:6]:
        found = (await people.get("/accounts", params={"search": text})).json()
        assert found.get("items", []) == [], text
