"""A service that tells what it heard, and identity's answer to the gateway's sub-request."""

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from shared.platform.embedded.nginx import Nginx

SESSION = "yinqi_session=known"
CSRF = "csrf-of-known"
AUTHZ = "/api/identity/v1/authz"
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


@dataclass
class Heard:
    """What came to the services: requests proper, and sub-requests."""

    requests: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    authz_status: int | None = None
    port: int = 0


def _handler(heard: Heard) -> type[BaseHTTPRequestHandler]:
    class Echo(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            if self.path == AUTHZ:
                self._authorize({k.lower(): v for k, v in self.headers.items()})
                return
            size = int(self.headers.get("Content-Length", 0))
            told: dict[str, object] = {
                "path": self.path,
                "method": self.command,
                "headers": {k.lower(): v for k, v in self.headers.items()},
                "bytes": len(self.rfile.read(size)),
            }
            heard.requests.append(told)
            if "slow" in self.path:
                time.sleep(2)
            body = json.dumps(told | {"padding": "x" * 2000}).encode()
            self._send(
                200,
                body,
                {
                    "Content-Type": "application/json",
                    "X-Frame-Options": "SAMEORIGIN",
                    "X-Powered-By": "echo",
                    "Cache-Control": "public, max-age=60",
                    "X-Access-Token": "a service has none",
                },
            )

        def _authorize(self, headers: dict[str, str]) -> None:
            heard.asked.append(headers)
            unsafe = headers["x-original-method"] in UNSAFE
            if heard.authz_status:
                self._send(heard.authz_status, b"{}", {})
            elif headers.get("cookie") != SESSION:
                self._send(401, b"{}", {"X-Problem-Code": "session.ended"})
            elif unsafe and headers.get("x-csrf-token") != CSRF:
                self._send(403, b"{}", {"X-Problem-Code": "access.csrf"})
            else:
                self._send(204, b"", {"X-Access-Token": f"token-for-{headers['x-service']}"})

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if status != 204 and self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Echo


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that the gateway dropped is none of the test's business."""


@contextmanager
def echoing() -> Iterator[Heard]:
    """Such a service on a port of its own."""
    heard = Heard()
    service = _Server(("127.0.0.1", 0), _handler(heard))
    thread = threading.Thread(target=service.serve_forever, args=(0.05,))
    thread.start()
    heard.port = service.server_address[1]
    yield heard
    service.shutdown()
    thread.join()
    service.server_close()


@dataclass(frozen=True)
class Got:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def heard(self) -> dict[str, str]:
        """The headers that the service heard."""
        return json.loads(self.body)["headers"]

    def problem(self) -> tuple[int, str]:
        """Status and code of a well-formed problem document."""
        assert self.headers["content-type"].startswith("application/problem+json")
        told = json.loads(self.body)
        assert told["status"] == self.status
        assert told["trace_id"] == self.headers["x-request-id"]
        assert told["title"]
        return self.status, told["code"]


def got_from(answer: http.client.HTTPResponse) -> Got:
    names = [name.lower() for name, _ in answer.getheaders() if name.lower() != "set-cookie"]
    assert len(names) == len(set(names)), names  # no header stands twice
    return Got(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


def ask(
    nginx: Nginx,
    path: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    *,
    signed_in: bool = True,
) -> Got:
    """One request over plain HTTP, with the known session unless told otherwise."""
    session = {"Cookie": SESSION, "X-CSRF-Token": CSRF} if signed_in else {}
    connection = http.client.HTTPConnection(nginx.url.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, body=body, headers=session | (headers or {}))
        return got_from(connection.getresponse())
    finally:
        connection.close()


def ask_tls(
    url: str, path: str, context: ssl.SSLContext, headers: dict[str, str] | None = None
) -> Got:
    """One request over TLS."""
    where = url.removeprefix("https://")
    connection = http.client.HTTPSConnection(where, timeout=10, context=context)
    try:
        connection.request("GET", path, headers=headers or {})
        return got_from(connection.getresponse())
    finally:
        connection.close()


def send_raw(nginx: Nginx, raw: bytes, *, wait_s: float = 5.0) -> bytes:
    """Whatever comes back on a bare socket until it is closed or silent."""
    host, _, port = nginx.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=wait_s) as wire:
        wire.sendall(raw)
        found = b""
        try:
            while part := wire.recv(65536):
                found += part
        except (TimeoutError, ConnectionResetError):
            pass
        return found
