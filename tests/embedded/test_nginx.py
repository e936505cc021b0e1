"""The gateway: where a request goes, who may send it, and what an answer carries."""

import http.client
import json
import os
import signal
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from shared.platform.embedded.certificates import LocalAuthority
from shared.platform.embedded.gateway import SIMULATION_RATES, Gateway, Rates, Tls, render
from shared.platform.embedded.nginx import Nginx, find_nginx
from shared.platform.embedded.ports import free_port
from shared.platform.embedded.processes import EmbeddedError, wait_until
from tests.embedded.echo import CSRF, SESSION, Got, Heard, ask, ask_tls, echoing

STRICT = Rates(sign_in="1r/s", caller="5r/s", caller_burst=60)


@pytest.fixture(scope="module")
def echo() -> Iterator[Heard]:
    with echoing() as heard:
        yield heard


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, echo: Heard) -> Iterator[Nginx]:
    web = tmp_path_factory.mktemp("web") / "dist"
    for path, text in {
        "index.html": "console",
        "m/index.html": "mobile",
        "assets/app-1a2b.js": "let x;" * 500,
        ".yinqi-build": "mark",
    }.items():
        (web / path).parent.mkdir(parents=True, exist_ok=True)
        (web / path).write_text(text)
    upstreams = dict.fromkeys(("identity", "registry", "visits", "reporting"), echo.port)
    upstreams["credit"] = free_port()
    home = tmp_path_factory.mktemp("gateway") / "nginx"
    nginx = Nginx(home, upstreams, web=web, rates=SIMULATION_RATES)
    nginx.start()
    yield nginx
    nginx.stop()


@pytest.fixture(autouse=True)
def fresh(echo: Heard) -> None:
    echo.requests.clear()
    echo.asked.clear()
    echo.authz_status = None


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
    got = ask(gateway, path, signed_in=False)
    assert (got.status, got.body, got.headers["cache-control"]) == (200, page, "no-cache")


def test_hashed_files_are_kept_by_the_browser_and_compressed(gateway: Nginx) -> None:
    got = ask(gateway, "/assets/app-1a2b.js", headers={"Accept-Encoding": "gzip"})
    assert got.status == 200
    assert "immutable" in got.headers["cache-control"]
    assert got.headers["content-encoding"] == "gzip"
    assert len(got.body) < 500
    missing = ask(gateway, "/assets/gone.js")
    assert missing.problem() == (404, "gateway.not_found")
    assert missing.headers["cache-control"] == "no-store"


def test_hidden_files_are_not_served(gateway: Nginx) -> None:
    assert ask(gateway, "/.yinqi-build").status == 404
    assert ask(gateway, "/.problem/400").status == 404


def test_the_api_goes_to_its_service_with_its_whole_path(gateway: Nginx) -> None:
    got = ask(gateway, "/api/registry/v1/enterprises?q=%E5%8D%8E&limit=5")
    assert json.loads(got.body)["path"] == "/api/registry/v1/enterprises?q=%E5%8D%8E&limit=5"
    assert got.headers["cache-control"] == "no-store"


def test_a_request_id_is_made_or_kept_and_told_to_both_sides(gateway: Nginx) -> None:
    got = ask(gateway, "/api/registry/v1/x")
    assert got.headers["x-request-id"] == got.heard["x-request-id"]
    kept = {"X-Request-Id": "0192f0c1-aaaa-7bbb-8ccc-000000000001"}
    assert ask(gateway, "/", headers=kept).headers["x-request-id"] == kept["X-Request-Id"]
    forged = ask(gateway, "/", headers={"X-Request-Id": 'a" onload="x'})
    assert len(forged.headers["x-request-id"]) == 32


# --- who may send it


def test_a_session_becomes_a_token_for_the_service_and_the_cookie_stays_here(
    gateway: Nginx, echo: Heard
) -> None:
    got = ask(gateway, "/api/registry/v1/x", "POST", body=b"{}")
    assert got.heard["authorization"] == "Bearer token-for-registry"
    assert "cookie" not in got.heard
    assert "x-access-token" not in got.headers
    (asked,) = echo.asked
    assert (asked["x-original-method"], asked["x-service"]) == ("POST", "registry")
    assert (asked["cookie"], asked["x-csrf-token"]) == (SESSION, CSRF)
    assert "content-length" not in asked
    assert ask(gateway, "/api/identity/v1/me").heard["cookie"] == SESSION  # it made it


def test_without_a_session_or_its_token_nothing_reaches_a_service(
    gateway: Nginx, echo: Heard
) -> None:
    nobody = ask(gateway, "/api/registry/v1/x", signed_in=False)
    assert nobody.problem() == (401, "session.ended")
    assert nobody.headers["www-authenticate"] == 'Bearer realm="yinqi"'
    forged = ask(gateway, "/api/registry/v1/x", "POST", {"X-CSRF-Token": "guess"}, b"{}")
    assert forged.problem() == (403, "access.csrf")
    assert echo.requests == []


def test_a_machine_with_a_token_of_its_own_is_judged_by_the_service(
    gateway: Nginx, echo: Heard
) -> None:
    own = {"Authorization": "Bearer its-own"}
    got = ask(gateway, "/api/registry/v1/x", headers=own, signed_in=False)
    assert got.heard["authorization"] == "Bearer its-own"
    assert echo.asked == []


OPEN = (
    "sign-in refresh token activations jwks wechat/start wechat/callback oidc/start oidc/callback"
)


@pytest.mark.parametrize("path", [*OPEN.split(), ".well-known/openid-configuration"])
def test_what_comes_before_sign_in_asks_for_no_session(
    gateway: Nginx, echo: Heard, path: str
) -> None:
    got = ask(gateway, f"/api/identity/v1/{path}", signed_in=False)
    assert got.status == 200
    assert echo.asked == []
    assert "authorization" not in got.heard
    assert ask(gateway, f"/api/identity/v1/{path}/x", signed_in=False).status == 401


@pytest.mark.parametrize("path", ["authz", "%61uthz", "x/../authz", "authz?x=1"])
def test_the_sub_request_cannot_be_asked_from_outside(
    gateway: Nginx, echo: Heard, path: str
) -> None:
    got = ask(gateway, f"/api/identity/v1/{path}")
    assert got.problem() == (404, "gateway.not_found")
    assert ask(gateway, "/.authz").status == 404
    assert echo.asked == echo.requests == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_identity_in_trouble_is_a_service_that_is_away(
    gateway: Nginx, echo: Heard, status: int
) -> None:
    echo.authz_status = status
    got = ask(gateway, "/api/registry/v1/x")
    assert got.problem() == (503, "gateway.service_away")
    assert got.headers["retry-after"] == "2"
    assert echo.requests == []


# --- what an answer carries

ANSWERS = [
    ("/", 200),
    ("/assets/gone.js", 404),
    ("/api/registry/v1/x", 200),
    ("/api/nobody/v1/x", 404),
    ("/api/credit/v1/x", 502),
]


def secured(got: Got) -> None:
    headers = got.headers
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    policy = headers["content-security-policy"]
    for part in ("default-src 'self'", "object-src 'none'", "base-uri 'none'"):
        assert part in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "geolocation=(self)" in headers["permissions-policy"]
    assert headers["server"] == "nginx"  # stock nginx can hide its version, not its name
    assert "x-powered-by" not in headers


@pytest.mark.parametrize(("path", "status"), ANSWERS)
def test_security_headers_stand_once_on_every_answer(
    gateway: Nginx, path: str, status: int
) -> None:
    got = ask(gateway, path)
    assert got.status == status
    secured(got)
    assert "strict-transport-security" not in got.headers  # only where there is TLS


def test_a_service_that_is_away_is_a_problem_with_a_chinese_title(gateway: Nginx) -> None:
    got = ask(gateway, "/api/credit/v1/loans")
    assert got.problem() == (502, "gateway.service_away")
    assert got.headers["retry-after"] == "2"


def test_an_unknown_service_is_a_problem(gateway: Nginx) -> None:
    assert ask(gateway, "/api/nobody/v1/x").problem() == (404, "gateway.not_found")


@pytest.mark.parametrize("path", ["v1/metrics", "internal/x", "v1/%6detrics", "v1//metrics"])
def test_inner_pages_of_a_service_are_not_reachable(gateway: Nginx, echo: Heard, path: str) -> None:
    assert ask(gateway, f"/api/registry/{path}").status == 404
    assert echo.requests == []


# --- limits


@pytest.mark.parametrize(
    ("method", "path", "most_mb"),
    [
        ("POST", "/api/registry/v1/enterprises", 1),
        ("PUT", "/api/visits/v1/photos/1", 10),
        ("POST", "/api/registry/v1/imports", 20),
    ],
)
def test_a_body_may_be_as_large_as_its_route_says(
    gateway: Nginx, echo: Heard, method: str, path: str, most_mb: int
) -> None:
    fits = bytes(most_mb * 1024 * 1024)
    assert json.loads(ask(gateway, path, method, body=fits).body)["bytes"] == len(fits)
    echo.requests.clear()
    connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=10)
    connection.putrequest(method, path)
    connection.putheader("Cookie", SESSION)
    connection.putheader("Content-Length", str(len(fits) + 1))
    connection.endheaders()
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    assert (answer.status, body["code"]) == (413, "gateway.body_too_large")
    assert echo.requests == []


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, echo: Heard) -> Iterator[Nginx]:
    home = tmp_path_factory.mktemp("strict")
    upstreams = {"identity": echo.port, "registry": echo.port}
    nginx = Nginx(home / "nginx", upstreams, web=home, rates=STRICT)
    nginx.start()
    yield nginx
    nginx.stop()


def test_sign_in_is_limited_per_address_and_nothing_else_is(strict: Nginx) -> None:
    answers = [ask(strict, "/api/identity/v1/sign-in", "POST", body=b"{}") for _ in range(60)]
    refused = [answer for answer in answers if answer.status == 429]
    assert answers[0].status == 200
    assert 10 <= len(refused) <= 20
    assert refused[0].problem() == (429, "gateway.too_many_requests")
    assert refused[0].headers["retry-after"] == "1"
    assert ask(strict, "/api/identity/v1/me").status == 200


def test_one_caller_cannot_take_the_whole_api(strict: Nginx) -> None:
    greedy = {"Authorization": "Bearer greedy"}
    many = [ask(strict, "/api/registry/v1/x", headers=greedy).status for _ in range(120)]
    assert many[:60] == [200] * 60
    assert 429 in many
    modest = {"Authorization": "Bearer modest"}
    assert ask(strict, "/api/registry/v1/x", headers=modest).status == 200


def test_an_answer_with_a_secret_is_not_compressed(gateway: Nginx) -> None:
    wish = {"Accept-Encoding": "gzip"}
    me = ask(gateway, "/api/identity/v1/me", headers=wish)
    secret = ask(gateway, "/api/identity/v1/jwks", headers=wish)
    assert "content-encoding" in me.headers
    assert "content-encoding" not in secret.headers


def test_a_service_that_does_not_answer_in_time_is_a_problem(tmp_path: Path, echo: Heard) -> None:
    nginx = Nginx(tmp_path / "nginx", {"identity": echo.port}, web=tmp_path)
    nginx.start()
    try:
        text = (tmp_path / "nginx" / "nginx.conf").read_text()
        quick = text.replace("proxy_read_timeout 30s", "proxy_read_timeout 1s")
        (tmp_path / "nginx" / "nginx.conf").write_text(quick)
        os.kill(nginx.status().pid or 0, signal.SIGHUP)
        assert wait_until(
            lambda: ask(nginx, "/api/identity/v1/slow").status == 504, 10
        )  # the old workers leave after their last answer
        assert ask(nginx, "/api/identity/v1/slow").problem() == (504, "gateway.timeout")
    finally:
        nginx.stop()


# --- TLS


def trusting(nginx: Nginx) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(nginx.authority.certificate))


def test_tls_tells_browsers_to_stay_with_it(gateway: Nginx) -> None:
    for path in ("/", "/api/registry/v1/x", "/api/nobody/v1/x"):
        got = ask_tls(gateway.tls_url, path, trusting(gateway), {"Cookie": SESSION})
        assert got.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        secured(got)
    heard = ask_tls(gateway.tls_url, "/api/registry/v1/x", trusting(gateway), {"Cookie": SESSION})
    assert heard.heard["x-forwarded-proto"] == "https"


def test_tls_below_1_2_is_refused(gateway: Nginx) -> None:
    for version, fine in (
        (ssl.TLSVersion.TLSv1_3, True),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_1, False),
    ):
        context = trusting(gateway)
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1") if not fine else _nothing():
            context.minimum_version = context.maximum_version = version
        if fine:
            assert ask_tls(gateway.tls_url, "/", context).status == 200
        else:
            with pytest.raises(ssl.SSLError):
                ask_tls(gateway.tls_url, "/", context)


class _nothing:  # noqa: N801 - used as a with-statement
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


def test_the_service_hears_the_certificate_that_a_core_has_shown(
    gateway: Nginx, tmp_path: Path
) -> None:
    pair = gateway.authority.client("core.bank-a.example")
    context = trusting(gateway)
    context.load_cert_chain(pair.certificate, pair.key)
    token = {"Authorization": "Bearer core", "X-Client-Cert": "forged"}
    got = ask_tls(gateway.cores_url, "/api/registry/v1/x", context, token)
    assert unquote(got.heard["x-client-cert"]) == pair.certificate.read_text()
    assert ask_tls(gateway.cores_url, "/", context).problem() == (404, "gateway.not_found")

    nobody = ask_tls(gateway.cores_url, "/api/registry/v1/x", trusting(gateway), token)
    assert nobody.problem() == (400, "gateway.bad_request")
    other = LocalAuthority(tmp_path).client("core.bank-a.example")
    stranger = trusting(gateway)
    stranger.load_cert_chain(other.certificate, other.key)
    unknown = ask_tls(gateway.cores_url, "/api/registry/v1/x", stranger, token)
    assert unknown.problem() == (400, "gateway.bad_request")
    elsewhere = ask_tls(gateway.tls_url, "/api/registry/v1/x", context, token)
    assert "x-client-cert" not in elsewhere.heard


def test_certificates_are_made_once_and_only_their_owner_reads_the_keys(tmp_path: Path) -> None:
    first = LocalAuthority(tmp_path / "c").server()
    made = first.certificate.read_bytes()
    again = LocalAuthority(tmp_path / "c").server()
    assert again.certificate.read_bytes() == made
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "c").glob("*.key")} == {0o600}


# --- the process


def _plain(folder: Path, port: int) -> Gateway:
    return Gateway("1", folder, folder, {"identity": f"127.0.0.1:{port}"})


def test_without_built_pages_a_plain_page_explains_and_the_api_works(
    tmp_path: Path, echo: Heard
) -> None:
    web = tmp_path / "dist"
    nginx = Nginx(tmp_path / "nginx", {"identity": echo.port}, web=web)
    nginx.start()
    try:
        assert "页面尚未生成" in ask(nginx, "/").body.decode()
        assert "页面尚未生成" in ask(nginx, "/m/").body.decode()
        assert ask(nginx, "/api/identity/v1/me").status == 200
        web.mkdir()
        (web / "index.html").write_text("built")
        nginx.stop()
        nginx.start()
        assert ask(nginx, "/").body == b"built"
    finally:
        nginx.stop()
    assert not nginx.status().up


def test_two_starts_make_one_gateway_and_a_taken_port_is_told(tmp_path: Path, echo: Heard) -> None:
    first = Nginx(tmp_path / "one", {"identity": echo.port}, web=tmp_path)
    first.start()
    try:
        pid = first.status().pid
        first.start()
        assert first.status().pid == pid
    finally:
        first.stop()


def test_the_gateway_needs_the_address_of_identity_and_names_that_are_names(
    tmp_path: Path,
) -> None:
    with pytest.raises(EmbeddedError, match="identity"):
        render(Gateway(listen="1", run=tmp_path, root=tmp_path, upstreams={"credit": "a:1"}))
    with pytest.raises(EmbeddedError, match="host"):
        render(replace(_plain(tmp_path, 1), hosts=["a; return 200"]))


def test_the_configuration_of_the_container_is_one_that_nginx_takes(tmp_path: Path) -> None:
    names = ("identity", "registry", "visits", "credit")
    pair, authority = LocalAuthority(tmp_path).server(), LocalAuthority(tmp_path)
    gateway = Gateway(
        "8080",
        tmp_path,
        tmp_path,
        {name: f"{name}:8000" for name in names},
        workers="auto",
        resolver="127.0.0.11",
        hosts=["yinqi.example", "localhost"],
        tls=Tls(pair.certificate, pair.key, "8443", authority.certificate, "8444"),
    )
    path = tmp_path / "nginx.conf"
    path.write_text(render(gateway))
    command = [str(find_nginx()), "-t", "-p", str(tmp_path), "-e", "stderr", "-c", str(path)]
    checked = subprocess.run(command, check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
