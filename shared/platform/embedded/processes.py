"""Child processes of the embedded run: how they start, how they are found again, how they end."""

import ctypes
import fcntl
import os
import pwd
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

PROC = Path("/proc")
_PR_SET_PDEATHSIG = 1
_POLL_S = 0.01
_KILLED_S = 5.0  # after a SIGKILL only the kernel's own work is left
_LOG_LIMIT_BYTES = 20_000_000


class EmbeddedError(Exception):
    """Something of the embedded run cannot be started; the text says what to do about it."""


class AlreadyRunning(EmbeddedError):
    """Somebody else holds the lock of this data folder."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of one unit from outside: it is up, or it is not."""

    up: bool
    pid: int | None = None
    ports: Mapping[str, int] = field(default_factory=dict[str, int])


class Unit(Protocol):
    """Anything the supervisor can keep alive: a plain process, PostgreSQL, Kafka, nginx."""

    @property
    def name(self) -> str:
        """The name that `yinqi status` shows."""
        ...

    def start(self) -> None:
        """Start and return when it is ready; does nothing where it is up already."""
        ...

    def stop(self) -> None:
        """End it in good order; returns when it is gone."""
        ...

    def status(self) -> Status:
        """Whether it is up now."""
        ...


# --- starting ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Request:
    start: Callable[[], "subprocess.Popen[bytes]"]
    answer: "Future[subprocess.Popen[bytes]]"


_requests: "queue.SimpleQueue[_Request]" = queue.SimpleQueue()
_spawner_lock = threading.Lock()
_spawner: list[threading.Thread] = []


def _serve_requests() -> None:
    while True:
        request = _requests.get()
        try:
            request.answer.set_result(request.start())
        except BaseException as error:
            request.answer.set_exception(error)


def _in_spawner(start: Callable[[], "subprocess.Popen[bytes]"]) -> "subprocess.Popen[bytes]":
    # Linux sends the death signal when the *thread* that forked ends, so a child started by a
    # short-lived worker thread would die with it. One thread that lives as long as the process
    # starts them all.
    with _spawner_lock:
        if not _spawner:
            thread = threading.Thread(target=_serve_requests, name="yinqi-spawn", daemon=True)
            thread.start()
            _spawner.append(thread)
    answer: Future[subprocess.Popen[bytes]] = Future()
    _requests.put(_Request(start, answer))
    return answer.result()


def _dies_with_parent(death_signal: int) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def in_child() -> None:
        prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # the parent died between fork and prctl
            os._exit(1)

    return in_child


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    death_signal: int = signal.SIGTERM,
    user: str | None = None,
) -> "subprocess.Popen[bytes]":
    """Start `command` in a session of its own, output to `log`; it dies when this process dies."""
    log.parent.mkdir(parents=True, exist_ok=True)
    rotate(log)
    before_exec = _dies_with_parent(death_signal)
    group = None if user is None else pwd.getpwnam(user).pw_gid

    def start() -> "subprocess.Popen[bytes]":
        with log.open("ab") as out:
            return subprocess.Popen(  # noqa: S603 - commands are our own
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                cwd=cwd,
                start_new_session=True,
                preexec_fn=before_exec,  # noqa: PLW1509 - only prctl and getppid in there
                user=user,
                group=group,
                extra_groups=None if user is None else [],
            )

    return _in_spawner(start)


# --- root, without root's powers --------------------------------------------------------------

AS_NOBODY = ("unshare", "-U", "--map-user=65534", "--map-group=65534")


def is_root() -> bool:
    """True where the process has the powers of root."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def nobody_prefix(program: Path, folder: Path) -> tuple[str, ...] | None:
    """Command prefix under which `program` runs without root's powers and may write `folder`.

    () where we are not root; None where the machine allows no user namespace. Inside the
    namespace the files of root stay our own, so folders under a 0700 home need no new rights.
    """
    if not is_root():
        return ()
    if shutil.which("unshare") is None:
        return None
    check = 'test -x "$0" && test -w "$1" && test "$(id -u)" != 0'
    probe = subprocess.run(  # noqa: S603
        [*AS_NOBODY, "sh", "-c", check, str(program), str(folder)],
        check=False,
        capture_output=True,
    )
    return AS_NOBODY if probe.returncode == 0 else None


# --- finding and ending -----------------------------------------------------------------------


def _stat_fields(pid: int) -> list[str] | None:
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()  # the name in brackets may hold blanks


def alive(pid: int) -> bool:
    """True where `pid` runs; a zombie does not."""
    fields = _stat_fields(pid)
    if fields is not None:
        return fields[0] not in {"Z", "X"}
    if PROC.joinpath("self").exists():
        return False
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def command_line(pid: int) -> str:
    """The words with which `pid` was started, or an empty text."""
    try:
        raw = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ""
    return raw.replace(b"\0", b" ").decode(errors="replace").strip()


def birth(pid: int) -> str:
    """What tells this `pid` from a later one of the same number; empty where it is gone."""
    fields = _stat_fields(pid)
    return fields[19] if fields else ""


def started_at(pid: int) -> str:
    """When `pid` started, ISO 8601 in UTC; empty where the system does not tell."""
    ticks = birth(pid)
    if not ticks:
        return ""
    lines = (PROC / "stat").read_text(encoding="utf-8").splitlines()
    boot_s = next(int(line.split()[1]) for line in lines if line.startswith("btime"))
    instant = datetime.fromtimestamp(boot_s + int(ticks) / os.sysconf("SC_CLK_TCK"), UTC)
    return instant.isoformat(timespec="seconds")


def working_in(folder: Path, program: str) -> Iterator[int]:
    """Processes of `program` in the working folder `folder`: a server and all its helpers.

    A shell that somebody opened in the folder is none of them.
    """
    real = str(folder.resolve())
    for entry in PROC.iterdir() if PROC.exists() else ():
        if not entry.name.isdigit():
            continue
        try:
            at = str((entry / "cwd").readlink())
        except OSError:
            continue
        pid = int(entry.name)
        if at != real or not alive(pid):
            continue
        first = command_line(pid).partition(" ")[0]  # "/bin/postgres", and "postgres:" of a helper
        if Path(first).name.rstrip(":") == program:
            yield pid


def end_helpers(folder: Path, program: str, grace_s: float) -> None:
    """Wait until a dead server's helpers are gone; kill those that stay."""
    if wait_until(lambda: not any(working_in(folder, program)), grace_s):
        return
    for pid in working_in(folder, program):
        signal_quietly(pid, signal.SIGKILL)
    wait_until(lambda: not any(working_in(folder, program)), _KILLED_S)


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Poll `condition` until it holds; False where `timeout_s` passed first."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_S)
    return True


def signal_quietly(pid: int, number: int) -> None:
    """Send a signal; a process that is gone already is no error."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def end(pid: int, number: int, timeout_s: float) -> None:
    """Ask `pid` to end with signal `number`; after `timeout_s` kill it."""
    signal_quietly(pid, number)
    if not wait_until(lambda: not alive(pid), timeout_s):
        signal_quietly(pid, signal.SIGKILL)
        wait_until(lambda: not alive(pid), timeout_s)


def rotate(log: Path) -> None:
    """Set a long log aside before its program starts again; one old one is kept."""
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, for an error message."""
    if not log.exists():
        return ""
    text = log.read_text(encoding="utf-8", errors="replace")
    return "\n".join(text.splitlines()[-lines:])


# --- locks and files --------------------------------------------------------------------------


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Generator[None, None, None]:
    """Hold the lock file `path`; it falls with the process, so it is never stale.

    Raises: AlreadyRunning, where `wait` is False and somebody else holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise AlreadyRunning(f"locked: {path}") from None
        yield
    finally:
        os.close(descriptor)


def write_private(path: Path, text: str) -> None:
    """Write `text` so that only the owner can read it, and so that no reader sees a half."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(text)
    scratch.replace(path)
