"""The configuration of the gateway: deploy/gateway/, filled in for where it runs.

`python -m shared.platform.embedded.gateway --help` prints one for a gateway that runs elsewhere.
"""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared.kernel.limits import JSON_MB, PHOTO_MB, SHEET_MB
from shared.platform.embedded.processes import EmbeddedError

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "gateway"
HOSTS = ("localhost", "127.0.0.1", "[::1]")
_PLACE = re.compile(r"@\{([a-z_]+)\}")
_SERVICE = re.compile(r"[a-z]+")
_HOST = re.compile(r"[A-Za-z0-9.*_:\[\]-]+")


@dataclass(frozen=True, slots=True)
class GatewayProblem:
    """An answer that the gateway gives itself; `code` and `title` may be nginx variables."""

    code: str
    title: str
    on: tuple[int, ...] = ()


#: By status. `on`: what nginx says on its own that is answered with this status.
PROBLEMS: Mapping[int, GatewayProblem] = {
    400: GatewayProblem("gateway.bad_request", "请求格式不正确", (400, 494, 495, 496, 497)),
    401: GatewayProblem("$unauthenticated_code", "请先登录"),
    403: GatewayProblem("$refused_code", "$refused_title"),
    404: GatewayProblem("gateway.not_found", "没有这个地址"),
    405: GatewayProblem("gateway.method", "此地址不支持该方法"),
    413: GatewayProblem("gateway.body_too_large", "上传的内容过大"),
    414: GatewayProblem("gateway.address_too_long", "地址过长"),
    421: GatewayProblem("gateway.unknown_host", "此域名不由本平台提供服务"),
    429: GatewayProblem("gateway.too_many_requests", "请求过于频繁，请稍后再试"),
    501: GatewayProblem("gateway.unsupported", "不支持的传输方式"),
    502: GatewayProblem("gateway.service_away", "服务正在启动或暂时不可用，请稍后再试"),
    503: GatewayProblem("gateway.service_away", "服务正在启动或暂时不可用，请稍后再试", (500, 503)),
    504: GatewayProblem("gateway.timeout", "服务未在时限内答复，请用同一幂等键重试"),
}
#: Ways to identity that are open to those who are not signed in: guessed at, or not.
GUESSED = r"sign-in|token|activations|wechat-bindings|totp/(enrolments|confirmations)"
OPEN = (
    r"session|refresh|sign-out|sign-in-methods|jwks|\.well-known/[a-z-]+"
    r"|(wechat|oidc)/(start|callback)"
)


@dataclass(frozen=True, slots=True)
class Rates:
    """How much one address, one caller and one guesser may ask; nginx's notation."""

    sign_in: str = "10r/s"
    sign_in_burst: int = 40
    address: str = "200r/s"
    address_burst: int = 400
    caller: str = "50r/s"
    caller_burst: int = 200
    connections: int = 512


#: A demonstration is a whole province from one address, and its banks' core systems besides.
SIMULATION_RATES = Rates(
    sign_in="300r/s",
    address="10000r/s",
    address_burst=10_000,
    caller="10000r/s",
    caller_burst=10_000,
    connections=2_000,
)


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate and key of the gateway; `client_ca` knows the certificates of bank cores."""

    certificate: Path
    key: Path
    listen: str
    client_ca: Path | None = None
    cores_listen: str = ""


@dataclass(frozen=True, slots=True)
class Gateway:
    """What the templates are filled with.

    `upstreams` maps a service to `host:port`. With a `resolver` (nginx 1.28 or later) names are
    looked up again while it runs, so containers may move and multiply. `hosts` are the names that
    it answers to.
    """

    listen: str
    run: Path
    root: Path
    upstreams: Mapping[str, str] = field(default_factory=dict[str, str])
    workers: str = "1"
    user_line: str = ""
    access_log: str = "/dev/stdout"
    rates: Rates = Rates()
    resolver: str = ""
    hosts: Sequence[str] = HOSTS
    tls: Tls | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """One location of the API: which addresses, how large a body in MB, how long an answer in s."""

    match: str
    service: str
    body_mb: int = JSON_MB
    seconds: int = 30
    open: bool = False
    guessed: bool = False


def ways(services: Sequence[str]) -> Iterator[Way]:
    """All locations; nginx takes the first regular expression that fits, before any prefix."""
    yield Way(rf"~ ^/api/identity/v1/({GUESSED})$", "identity", open=True, guessed=True)
    yield Way(rf"~ ^/api/identity/v1/({OPEN})$", "identity", open=True)
    if "visits" in services:
        yield Way(r"~ ^/api/visits/v1/photos(/|$)", "visits", body_mb=PHOTO_MB, seconds=60)
    if "registry" in services:
        yield Way(
            r"~ ^/api/registry/v1/[a-z-]*imports(/|$)", "registry", body_mb=SHEET_MB, seconds=120
        )
    for service in services:
        yield Way(f"= /api/{service}/v1/health", service, open=True)
        yield Way(f"/api/{service}/", service)


def render(gateway: Gateway) -> str:
    """The text of nginx.conf.

    Raises: EmbeddedError, where a template names a word that is not filled in here, where a name
        is none, or where identity has no address.
    """
    for name in gateway.upstreams:
        if not _SERVICE.fullmatch(name):
            raise EmbeddedError(f"not a service name: {name!r}")
    for host in gateway.hosts:
        if not _HOST.fullmatch(host):
            raise EmbeddedError(f"not a host name: {host!r}")
    if "identity" not in gateway.upstreams:  # it answers every sub-request
        raise EmbeddedError("the gateway needs the address of identity")
    values = _places(gateway) | _rates(gateway.rates) | _tls(gateway)
    values["problems"] = "".join(_problem(status, each) for status, each in PROBLEMS.items())
    values["answers"] = _fill("answers.conf.template", values)
    locations = (_location(way, gateway.rates) for way in ways(list(gateway.upstreams)))
    values["locations"] = "".join(locations)
    values["api"] = _fill("api.conf.template", values)
    with_cores = gateway.tls is not None and gateway.tls.client_ca is not None
    values["cores"] = _fill("cores.conf.template", values) if with_cores else ""
    return _fill("nginx.conf.template", values)


def _places(gateway: Gateway) -> dict[str, str]:
    upstreams = (_upstream(*pair, gateway.resolver) for pair in gateway.upstreams.items())
    return {
        "run": str(gateway.run),
        "root": str(gateway.root),
        "workers": gateway.workers,
        "user_line": gateway.user_line,
        "access_log": gateway.access_log,
        "hosts": " ".join(gateway.hosts),
        "resolver_line": f"    resolver {gateway.resolver} valid=5s;" if gateway.resolver else "",
        "upstreams": "".join(upstreams),
    }


def _rates(rates: Rates) -> dict[str, str]:
    return {
        "sign_in_rate": rates.sign_in,
        "address_rate": rates.address,
        "address_burst": str(rates.address_burst),
        "caller_rate": rates.caller,
        "connections": str(rates.connections),
    }


def _tls(gateway: Gateway) -> dict[str, str]:
    tls = gateway.tls
    listens = [gateway.listen, *([f"{tls.listen} ssl"] if tls else [])]
    settings = (
        [
            f"ssl_certificate {tls.certificate};",
            f"ssl_certificate_key {tls.key};",
            "ssl_protocols TLSv1.2 TLSv1.3;",
            "ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;",
            "ssl_session_cache shared:tls:4m;",
            "ssl_session_timeout 1h;",
            "ssl_session_tickets off;",
        ]
        if tls
        else []
    )
    return {
        "listen": "\n".join(f"        listen {each};" for each in listens),
        "stranger_listen": "\n".join(f"        listen {each} default_server;" for each in listens),
        "tls": "\n".join(f"    {line}" for line in settings),
        "cores_listen": tls.cores_listen if tls else "",
        "client_ca": str(tls.client_ca) if tls else "",
    }


def _upstream(name: str, address: str, resolver: str) -> str:
    # max_fails=0: with one address per service there is nothing to fail over to, and a service
    # that comes back must be reached at once. Idle connections end before uvicorn's own 5 s.
    lines = [f"server {address} max_fails=0;", "keepalive 32;", "keepalive_timeout 4s;"]
    if resolver:
        lines[:1] = [f"zone {name} 64k;", f"server {address} resolve max_fails=1 fail_timeout=2s;"]
    inner = "".join(f"        {line}\n" for line in lines)
    return f"    upstream {name} {{\n{inner}    }}\n"


def _problem(status: int, problem: GatewayProblem) -> str:
    """A status that nginx gives, answered as a problem document (RFC 9457).

    What could not be read has no address, so its answer is one of the gateway's own addresses.
    """
    named = status not in (400, 414, 501)
    place = f"@problem_{status}" if named else f"= /.problem/{status}"
    target = f"@problem_{status}" if named else f"/.problem/{status}"
    on = " ".join(str(each) for each in problem.on or (status,))
    body = (
        f'{{"type":"https://yinqi.invalid/errors/{problem.code}","title":"{problem.title}",'
        f'"status":{status},"code":"{problem.code}","trace_id":"$trace"}}'
    )
    return (
        f"        error_page {on} ={status} {target};\n"
        f"        location {place} {{\n"
        "            internal;\n"
        "            types {}\n"
        "            default_type application/problem+json;\n"
        f"            return {status} '{body}';\n"
        "        }\n"
    )


def _location(way: Way, rates: Rates) -> str:
    rules = [f"client_max_body_size {way.body_mb}m;"] if way.body_mb != JSON_MB else []
    if way.seconds != 30:
        rules += [f"proxy_read_timeout {way.seconds}s;"]
    if way.open:
        # Answers that say a secret are not compressed: their length must not tell about it.
        rules += ["gzip off;"]
    if way.guessed:
        rules += [f"limit_req zone=sign_in burst={rates.sign_in_burst} nodelay;"]
    else:
        rules += [f"limit_req zone=address burst={rates.address_burst} nodelay;"]
    if not way.open:
        rules += [
            f"limit_req zone=caller burst={rates.caller_burst} nodelay;",
            "auth_request /.authz;",
            "auth_request_set $access_token $upstream_http_x_access_token;",
            "auth_request_set $authz_code $upstream_http_x_problem_code;",
        ]
    values = {
        "match": way.match,
        "service": way.service,
        "rules": "\n".join(f"            {rule}" for rule in rules),
    }
    return _fill("location.conf.template", values)


def _fill(name: str, values: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise EmbeddedError(f"{name} names an unknown word: {found[0]}")
        return values[found[1]]

    return _PLACE.sub(value, (FOLDER / name).read_text(encoding="utf-8"))


def main(arguments: list[str]) -> None:
    """Print a configuration for a gateway that runs elsewhere (deploy/Dockerfile uses it)."""
    parser = argparse.ArgumentParser(prog="python -m shared.platform.embedded.gateway")
    parser.add_argument("--listen", default="8080")
    parser.add_argument("--run", type=Path, default=Path("/tmp"))  # noqa: S108 - a tmpfs there
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--upstream", action="append", default=[], metavar="SERVICE=HOST:PORT")
    parser.add_argument("--host", action="append", default=[], help="a name that it answers to")
    parser.add_argument("--sign-in-rate", default=Rates().sign_in)
    parser.add_argument("--resolver", default="", help="address of the name server to ask")
    parser.add_argument("--certificate", type=Path, help="PEM; opens the TLS listener")
    parser.add_argument("--key", type=Path)
    parser.add_argument("--tls-listen", default="8443")
    parser.add_argument("--client-ca", type=Path, help="PEM; opens the listener of bank cores")
    parser.add_argument("--cores-listen", default="8444")
    told = parser.parse_args(arguments)
    pairs = (pair.partition("=") for pair in told.upstream)
    tls = None
    if told.certificate and told.key:
        places = (told.tls_listen, told.client_ca, told.cores_listen)
        tls = Tls(told.certificate, told.key, *places)
    gateway = Gateway(
        listen=told.listen,
        run=told.run,
        root=told.root,
        upstreams={name: address for name, _, address in pairs},
        workers="auto",
        rates=Rates(sign_in=told.sign_in_rate),
        resolver=told.resolver,
        hosts=[*HOSTS, *told.host],
        tls=tls,
    )
    sys.stdout.write(render(gateway))


if __name__ == "__main__":
    main(sys.argv[1:])
