"""A durable PostgreSQL server of our own, in one folder, from binaries that need no install."""

import asyncio
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shared.platform.embedded.databases import (
    Server,
    ServiceDatabase,
    create_service_databases,
)
from shared.platform.embedded.pgbinaries import Rights, rights_for
from shared.platform.embedded.ports import HOST, PortBook, is_free
from shared.platform.embedded.processes import (
    PROC,
    EmbeddedError,
    Status,
    alive,
    command_line,
    end,
    end_helpers,
    locked,
    signal_quietly,
    spawn,
    tail,
    wait_until,
)

_START_S = 60.0  # crash recovery of a large write-ahead log takes its time
_STOP_S = 20.0
_LEFTOVERS_S = 5.0
_PID_LINE, _PORT_LINE, _STATE_LINE = 0, 3, 7  # lines of postmaster.pid
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Postgres:
    """One PostgreSQL server on 127.0.0.1; data, passwords and log under one folder.

    `start` is safe to call twice and from two processes at once: there is one server per folder.
    The server is a child of this process and ends with it, however this process ends.
    """

    name = "postgres"

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        as_user: str | None = None,
        settings: dict[str, str] | None = None,
    ) -> None:
        """Use the folder `home`; `settings` go before the house's own (tests, benchmarks)."""
        self._home = home.resolve()
        self._wanted_port = port
        self._as_user = as_user
        self._settings = SETTINGS | (settings or {})
        self._log = self._home / "postgres.log"
        self._rights: Rights | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._port: int | None = None

    # --- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Make the data folder if it is new, start, and return when connections are taken.

        Raises: EmbeddedError, where it does not come up; the text holds the end of the log.
        """
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self._home / "start.lock"):
            current = self.status()
            if current.up:
                self._port = current.ports["postgres"]
                return
            self._reap()
            self._clear_leftovers()
            if not (self._data / "PG_VERSION").exists():
                self._initialise()
            self._check_version()
            self._launch()

    def stop(self) -> None:
        """End it cleanly: sessions are cut, everything committed is on disk."""
        pid = self.status().pid
        if pid is not None:
            end(pid, signal.SIGINT, _STOP_S)
        self._reap()

    def kill(self) -> None:
        """End it like a power cut (fault tests); the next `start` recovers."""
        pid = self.status().pid
        if pid is not None:
            signal_quietly(pid, signal.SIGKILL)
        end_helpers(self._data, "postgres", 0)
        self._reap()

    def status(self) -> Status:
        """Whether a server runs on this folder, also one that another process started."""
        lines = self._pid_lines()
        if len(lines) <= _STATE_LINE or lines[_STATE_LINE].strip() != "ready":
            return Status(up=False)
        pid = int(lines[_PID_LINE])
        if not self._is_server(pid):
            return Status(up=False)
        return Status(up=True, pid=pid, ports={"postgres": int(lines[_PORT_LINE])})

    # --- what it serves -----------------------------------------------------------------------

    @property
    def server(self) -> Server:
        """Host, port and passwords."""
        if self._port is None:
            self._port = self.status().ports.get("postgres")
        if self._port is None:
            raise EmbeddedError("PostgreSQL is not running; PostgreSQL 未启动")
        return Server(HOST, self._port, self._home / "secrets")

    @property
    def admin_url(self) -> str:
        """The superuser's address; for set-up, backup and tests only."""
        return self.server.url("postgres", "postgres")

    def create_service_database(self, name: str) -> ServiceDatabase:
        """The database `name` with its owner `name` and its log reader `name_log`; repeatable."""
        return self.create_service_databases(name)[0]

    def create_service_databases(self, *names: str) -> tuple[ServiceDatabase, ...]:
        """The same for several services in one session."""
        with ThreadPoolExecutor(1) as aside:  # the caller may be inside an event loop already
            work = aside.submit(asyncio.run, create_service_databases(self.server, *names))
            return work.result()

    # --- inside -------------------------------------------------------------------------------

    def _run_as(self) -> Rights:
        if self._rights is None:
            self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._rights = rights_for(self._home, as_user=self._as_user)
        return self._rights

    @property
    def _data(self) -> Path:
        return self._run_as().home / "data"

    def _pid_lines(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except (OSError, EmbeddedError):  # no folder yet, or no binaries: nothing runs
            return []

    def _is_server(self, pid: int) -> bool:
        # The number in a stale pid file may belong to anybody by now; the words it was started
        # with do not lie.
        return alive(pid) and (not PROC.exists() or f"-D {self._data} " in command_line(pid))

    def _clear_leftovers(self) -> None:
        lines = self._pid_lines()
        pid = int(lines[_PID_LINE]) if lines and lines[_PID_LINE].isdigit() else None
        if pid is not None and self._is_server(pid):  # starting or stopping: neither is "ready"
            end(pid, signal.SIGINT, _STOP_S)
        # Backends of a killed postmaster end by themselves; until then they hold shared memory
        # and PostgreSQL refuses to start beside them.
        end_helpers(self._data, "postgres", _LEFTOVERS_S)
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _initialise(self) -> None:
        rights = self._run_as()
        scratch = rights.home / "data.new"  # renamed when whole: a broken initdb leaves no data
        shutil.rmtree(scratch, ignore_errors=True)
        password = Server(HOST, 0, self._home / "secrets").password("postgres")
        hand_over = rights.home / "initdb.password"
        hand_over.touch(mode=0o600)
        hand_over.write_text(password, encoding="utf-8")
        if rights.user:
            shutil.chown(hand_over, rights.user)
        command = [
            *(*rights.prefix, str(rights.binaries.program("initdb"))),
            *("--username=postgres", "--auth=scram-sha-256", f"--pwfile={hand_over}"),
            # Not locale C, nor the built-in provider over it: pg_trgm asks the C library which
            # characters are letters, and in C no Chinese one is, so a search finds nothing.
            *("--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums"),
            *("--no-instructions", "-D", str(scratch)),
        ]
        try:
            code = spawn(command, log=self._log, cwd=rights.home, user=rights.user).wait()
        finally:
            hand_over.unlink()
        if code != 0:
            raise EmbeddedError(f"initdb failed 数据库初始化失败:\n{tail(self._log)}")
        scratch.rename(self._data)

    def _check_version(self) -> None:
        has = (self._data / "PG_VERSION").read_text(encoding="utf-8").strip()
        runs = self._run_as().binaries.major
        if has != str(runs):
            raise EmbeddedError(
                f"{self._data} was made by PostgreSQL {has}, the binaries are {runs}: set "
                f"YINQI_PG_BIN to PostgreSQL {has}, or dump and load. 数据目录版本不符"
            )

    def _launch(self) -> None:
        rights = self._run_as()
        port = self._choose_port()
        options = [
            word for key, value in self._settings.items() for word in ("-c", f"{key}={value}")
        ]
        program = str(rights.binaries.program("postgres"))
        self._child = spawn(
            [*rights.prefix, program, "-D", str(self._data), "-p", str(port), *options],
            log=self._log,
            cwd=rights.home,
            death_signal=signal.SIGINT,
            user=rights.user,
        )
        child = self._child
        settled = wait_until(lambda: self.status().up or child.poll() is not None, _START_S)
        if not settled or child.poll() is not None:
            self._reap()
            raise EmbeddedError(f"PostgreSQL did not start 未能启动:\n{tail(self._log)}")
        self._port = port

    def _choose_port(self) -> int:
        given_out = self._port
        if given_out is None:
            return PortBook(self._home / "ports.json").port("postgres", wanted=self._wanted_port)
        if not wait_until(lambda: is_free(given_out), _LEFTOVERS_S):
            raise EmbeddedError(f"port {given_out} was taken meanwhile; 端口 {given_out} 被占用")
        return given_out

    def _reap(self) -> None:
        if self._child is None:
            return
        try:
            self._child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None
