"""The gateway: where a request goes, and what an answer carries."""

import http.client
import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from shared.platform.embedded.nginx import Gateway, Nginx, find_nginx, render
from shared.platform.embedded.ports import free_port
from shared.platform.embedded.processes import EmbeddedError


class _Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked, so that a test sees what the gateway passed on."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        told = {
            "path": self.path,
            "method": self.command,
            "headers": {k.lower(): v for k, v in self.headers.items()},
            "bytes": len(self.rfile.read(size)),
        }
        body = json.dumps(told | {"padding": "x" * 2000}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Frame-Options", "SAMEORIGIN")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the names the base class asks for

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def echo() -> Iterator[int]:
    service = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    service.daemon_threads = True
    thread = threading.Thread(target=service.serve_forever, args=(0.05,))
    thread.start()
    yield service.server_address[1]
    service.shutdown()
    thread.join()
    service.server_close()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, echo: int) -> Iterator[Nginx]:
    web = tmp_path_factory.mktemp("web") / "dist"
    for path, text in {
        "index.html": "console",
        "m/index.html": "mobile",
        "assets/app-1a2b.js": "let x;" * 500,
        ".yinqi-build": "mark",
    }.items():
        (web / path).parent.mkdir(parents=True, exist_ok=True)
        (web / path).write_text(text)
    away = free_port()
    upstreams = {"identity": echo, "registry": echo, "credit": away}
    nginx = Nginx(
        tmp_path_factory.mktemp("gateway") / "nginx", upstreams, web=web, sign_in_rate="1r/s"
    )
    nginx.start()
    yield nginx
    nginx.stop()


def ask(
    nginx: Nginx,
    path: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(nginx.url.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/", b"console"),
        ("/enterprises/42", b"console"),
        ("/m/", b"mobile"),
        ("/m/visits/new", b"mobile"),
    ],
)
def test_a_page_address_answers_with_the_page_of_its_application(
    gateway: Nginx, path: str, page: bytes
) -> None:
    status, headers, body = ask(gateway, path)
    assert (status, body, headers["cache-control"]) == (200, page, "no-cache")


def test_hashed_files_are_kept_by_the_browser_and_compressed(gateway: Nginx) -> None:
    status, headers, body = ask(gateway, "/assets/app-1a2b.js", headers={"Accept-Encoding": "gzip"})
    assert status == 200
    assert "immutable" in headers["cache-control"]
    assert headers["content-encoding"] == "gzip"
    assert len(body) < 500
    missing, headers, _ = ask(gateway, "/assets/gone.js")
    assert missing == 404
    assert "cache-control" not in headers


def test_hidden_files_are_not_served(gateway: Nginx) -> None:
    assert ask(gateway, "/.yinqi-build")[0] == 404


def test_the_api_goes_to_its_service_with_its_whole_path(gateway: Nginx) -> None:
    status, headers, body = ask(gateway, "/api/registry/v1/enterprises?q=%E5%8D%8E&limit=5")
    assert status == 200
    assert json.loads(body)["path"] == "/api/registry/v1/enterprises?q=%E5%8D%8E&limit=5"
    assert "cache-control" not in headers


def test_a_request_id_is_made_or_kept_and_told_to_both_sides(gateway: Nginx) -> None:
    _, headers, body = ask(gateway, "/api/registry/v1/x")
    assert headers["x-request-id"] == json.loads(body)["headers"]["x-request-id"]
    kept = {"X-Request-Id": "0192f0c1-aaaa-7bbb-8ccc-000000000001"}
    assert ask(gateway, "/", headers=kept)[1]["x-request-id"] == kept["X-Request-Id"]
    forged = ask(gateway, "/", headers={"X-Request-Id": 'a" onload="x'})[1]["x-request-id"]
    assert len(forged) == 32


def test_a_forged_forwarding_header_is_replaced(gateway: Nginx) -> None:
    told = json.loads(ask(gateway, "/api/registry/v1/x", headers={"X-Forwarded-For": "8.8.8.8"})[2])
    assert told["headers"]["x-forwarded-for"] == "127.0.0.1"


@pytest.mark.parametrize("path", ["/", "/api/registry/v1/x", "/api/nobody/v1/x"])
def test_security_headers_stand_once_on_every_answer(gateway: Nginx, path: str) -> None:
    connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.headers.get_all("X-Frame-Options") == ["DENY"]
    assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "geolocation=(self)" in answer.headers["Permissions-Policy"]


def problem(status: int, headers: dict[str, str], body: bytes) -> tuple[int, str]:
    assert headers["content-type"].startswith("application/problem+json")
    told = json.loads(body)
    assert told["status"] == status
    assert told["trace_id"] == headers["x-request-id"]
    return status, told["code"]


def test_a_service_that_is_away_is_a_problem_with_a_chinese_title(gateway: Nginx) -> None:
    assert problem(*ask(gateway, "/api/credit/v1/loans")) == (503, "gateway.service_away")


def test_an_unknown_service_is_a_problem(gateway: Nginx) -> None:
    assert problem(*ask(gateway, "/api/nobody/v1/x")) == (404, "gateway.unknown_service")


@pytest.mark.parametrize("path", ["/api/registry/v1/metrics", "/api/registry/internal/x"])
def test_inner_pages_of_a_service_are_not_reachable(gateway: Nginx, path: str) -> None:
    assert ask(gateway, path)[0] == 404


def test_a_photo_passes_and_a_body_over_64_mb_does_not(gateway: Nginx) -> None:
    photo = bytes(12_000_000)
    assert json.loads(ask(gateway, "/api/registry/v1/x", "PUT", body=photo)[2])["bytes"] == len(
        photo
    )
    connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=10)
    connection.putrequest("PUT", "/api/registry/v1/x")
    connection.putheader("Content-Length", str(65 * 1024 * 1024))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["code"] == "gateway.body_too_large"
    connection.close()


def test_sign_in_is_limited_per_address_and_nothing_else_is(gateway: Nginx) -> None:
    answers = [ask(gateway, "/api/identity/v1/sign-in", "POST", body=b"{}") for _ in range(60)]
    refused = [answer for answer in answers if answer[0] == 429]
    assert answers[0][0] == 200
    assert 10 <= len(refused) <= 20
    assert problem(*refused[0]) == (429, "gateway.too_many_requests")
    assert refused[0][1]["retry-after"] == "1"
    assert ask(gateway, "/api/identity/v1/me")[0] == 200


def test_an_answer_with_a_secret_is_not_compressed(gateway: Nginx) -> None:
    wish = {"Accept-Encoding": "gzip"}
    assert "content-encoding" in ask(gateway, "/api/identity/v1/me", headers=wish)[1]
    assert "content-encoding" not in ask(gateway, "/api/identity/v1/refresh", headers=wish)[1]


def test_without_built_pages_a_plain_page_explains_and_the_api_works(
    tmp_path: Path, echo: int
) -> None:
    web = tmp_path / "dist"
    nginx = Nginx(tmp_path / "nginx", {"identity": echo}, web=web)
    nginx.start()
    try:
        assert "页面尚未生成" in ask(nginx, "/")[2].decode()
        assert "页面尚未生成" in ask(nginx, "/m/")[2].decode()
        assert ask(nginx, "/api/identity/v1/me")[0] == 200
        web.mkdir()
        (web / "index.html").write_text("built")
        nginx.stop()
        nginx.start()
        assert ask(nginx, "/")[2] == b"built"
    finally:
        nginx.stop()
    assert not nginx.status().up


def test_two_starts_make_one_gateway_and_a_taken_port_is_told(tmp_path: Path, echo: int) -> None:
    first = Nginx(tmp_path / "one", {"identity": echo}, web=tmp_path)
    first.start()
    try:
        pid = first.status().pid
        first.start()
        assert first.status().pid == pid
    finally:
        first.stop()


def test_the_gateway_needs_the_address_of_identity(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedError, match="identity"):
        render(Gateway(listen="1", run=tmp_path, root=tmp_path, upstreams={"credit": "a:1"}))


def test_the_configuration_of_the_container_is_one_that_nginx_takes(tmp_path: Path) -> None:
    upstreams = {name: f"{name}:8000" for name in ("identity", "credit")}
    text = render(
        Gateway("8080", tmp_path, tmp_path, upstreams, workers="auto", resolver="127.0.0.11")
    )
    path = tmp_path / "nginx.conf"
    path.write_text(text)
    checked = subprocess.run(
        [str(find_nginx()), "-t", "-p", str(tmp_path), "-e", "stderr", "-c", str(path)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stderr
