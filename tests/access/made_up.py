"""Made-up calls: schemathesis draws them from a service's OpenAPI document, and here they are kept.

They are drawn once, by one caller, and then sent again as every role (fuzzing.py): drawing costs
twenty times what sending does. What is kept is the call alone, without whoever made it.
"""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]
CHECKS = "not_a_server_error,status_code_conformance"
#: What ends the caller's own session, moves the clock or asks other servers.
LEFT_OUT = r"(sign-out|/clock|/password|/refresh|/wechat/|/oidc/)"
#: Whose call it is, and what the client says of itself.
_OF_THE_CALLER = ("authorization", "cookie", "x-csrf-token", "x-schemathesis-testcaseid")
_OF_THE_WIRE = ("content-length", "connection", "host", "transfer-encoding", "accept-encoding")
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_NAMED = re.compile(rf'\b(\w+_id)("\s*:\s*"|=)({_UUID})')


@dataclass(frozen=True, slots=True)
class Call:
    """One call; `operation` is the key of what the document says of it, None where it says nothing."""

    service: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    operation: tuple[str, str] | None

    def about(self, known: dict[str, list[str]], dice: Random) -> "Call":
        """The same call about things that exist: made-up ids lead nowhere."""

        def real(found: re.Match[str]) -> str:
            ids = known.get(found[1])
            return f"{found[1]}{found[2]}{dice.choice(ids) if ids else found[3]}"

        target = self.target
        if self.operation:
            for name in re.findall(r"\{(\w+)\}", self.operation[1]):
                if ids := known.get(name):
                    target = re.sub(rf"/{_UUID}(?=/|\?|$)", f"/{dice.choice(ids)}", target, count=1)
        body = self.body
        if body.startswith((b"{", b"[")):
            text = body.decode("utf-8", "surrogateescape")
            body = _NAMED.sub(real, text).encode("utf-8", "surrogateescape")
        return replace(self, target=_NAMED.sub(real, target), body=body)


def draw(
    folder: Path, url: str, service: str, document: Json, proof: dict[str, str], examples: int
) -> tuple[list[Call], str]:
    """Draw calls to every operation of a service; returns them, and what went wrong, if it did."""
    written, drawn = folder / f"{service}.json", folder / f"{service}.har"
    written.write_text(json.dumps(document), encoding="utf-8")
    drawn.unlink(missing_ok=True)
    given = [part for name, value in proof.items() for part in ("-H", f"{name}:{value}")]
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "schemathesis"), "run", str(written), "--url", url,
            "--checks", CHECKS, "--phases", "coverage,fuzzing", "--max-examples", str(examples),
            "--seed", "1", "--no-shrink", "--continue-on-failure", "--warnings", "off",
            "--exclude-path-regex", LEFT_OUT, "--output-sanitize", "false",
            "--request-retries", "2", "--suppress-health-check", "all", "--report", "har",
            "--report-preserve-bytes", "--report-har-path", str(drawn), *given,
        ],
        check=False, capture_output=True, text=True, cwd=folder, timeout=900,
    )  # fmt: skip
    entries = json.loads(drawn.read_text(encoding="utf-8"))["log"]["entries"]
    calls = [call_of(service, document, entry["request"]) for entry in entries]
    return calls, "" if done.returncode == 0 else (done.stdout + done.stderr)[-6_000:]


def call_of(service: str, document: Json, request: Json) -> Call:
    """A call as the report has it, without the one who made it."""
    split = urlsplit(request["url"])
    target = split.path + (f"?{split.query}" if split.query else "")
    headers = tuple(
        (one["name"], one["value"])
        for one in request["headers"]
        if one["name"].lower() not in (*_OF_THE_CALLER, *_OF_THE_WIRE)
    )
    method = request["method"]
    found = next(
        (path for path, methods in _paths(document) if methods.fullmatch(f"{method} {split.path}")),
        None,
    )
    return Call(
        service, method, target, headers, _body(request), (method, found) if found else None
    )


def _body(request: Json) -> bytes:
    data = request.get("postData") or {}
    text = data.get("text") or ""
    return base64.b64decode(text)


def _paths(document: Json) -> Iterator[tuple[str, re.Pattern[str]]]:
    """Paths without parameters first: they would fit the others' patterns, too."""
    for path in sorted(document["paths"], key=lambda path: path.count("{")):
        methods = "|".join(document["paths"][path]).upper()
        parts = re.split(r"\{\w+\}", path)
        yield path, re.compile(rf"(?:{methods}) " + r"[^/]*".join(map(re.escape, parts)))
