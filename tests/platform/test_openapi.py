"""The documents that integrators build on: linted, with every way to be refused in them."""

import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from shared.platform.embedded.toolchain import ensure_api_tools, ensure_node
from shared.platform.openapi import codes_of
from shared.platform.service import create_app
from shared.platform.settings import SERVICES, PlatformSettings
from shared.platform.web import SAFE

ROOT = Path(__file__).parents[2]


def document(service: str) -> dict[str, Any]:
    found = import_module(f"services.{service}.service").SERVICE
    app = create_app(found, PlatformSettings(simulation=False))
    return app.openapi()


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    return {service: document(service) for service in SERVICES}


def operations(documents: dict[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for each in documents.values()
        for path, methods in each["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_kept_documents_pass_the_linter_without_errors() -> None:
    linter = ensure_api_tools() / "redocly"
    command = [str(ensure_node()), str(linter), "lint", "--format", "stylish"]
    command += ["--config", str(ROOT / "docs" / "api" / "redocly.yaml")]
    command += [str(path) for path in sorted((ROOT / "web" / "openapi").glob("*.json"))]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_operation_says_who_may_call_it_and_how_it_refuses(
    documents: dict[str, dict[str, Any]],
) -> None:
    everything = operations(documents)
    assert len(everything) > 60
    for name, operation in everything:
        responses = operation["responses"]
        assert "security" in operation, name
        refusals = {"400", "429", "500", "502", "503", "504"}
        if operation["security"]:
            refusals |= {"401"}
        if operation.get("requestBody"):
            refusals |= {"413", "422"}
        assert refusals <= responses.keys(), name
        for status, response in responses.items():
            if status >= "400":
                assert response["x-problem-codes"], (name, status)
                assert list(response["content"]) == ["application/problem+json"], (name, status)


def test_every_writing_operation_of_a_signed_in_caller_wants_an_idempotency_key(
    documents: dict[str, dict[str, Any]],
) -> None:
    for name, operation in operations(documents):
        names = {each["name"] for each in operation.get("parameters", [])}
        wants = "Idempotency-Key" in names
        writes = name.split()[0] not in SAFE
        assert wants == (writes and bool(operation["security"])), name


def test_operation_ids_are_short_and_stand_once_in_a_document(
    documents: dict[str, dict[str, Any]],
) -> None:
    for each in documents.values():
        ids = [o["operationId"] for methods in each["paths"].values() for o in methods.values()]
        assert len(ids) == len(set(ids))
        assert max(map(len, ids)) < 40


def test_codes_are_found_where_a_use_case_and_its_rules_make_them() -> None:
    from services.credit.api.routes import post_decision

    found = codes_of(post_decision)
    assert "application.unknown" in found[404]
    assert "application.decided" in found[409]
    assert "decision.reason_missing" in found[422]
