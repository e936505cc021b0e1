"""Keeps the parts of the embedded run alive, writes down what runs, and ends them in order."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self, TypedDict, cast

from shared.platform.embedded.processes import (
    AlreadyRunning,
    EmbeddedError,
    Status,
    Unit,
    alive,
    birth,
    end,
    locked,
    spawn,
    started_at,
    tail,
    wait_until,
    write_private,
)

_WATCH_S = 0.1
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0
_SETTLED_S = 30.0  # a part that held so long starts its back-off anew
_ORPHAN_S = 10.0


class Stopped(EmbeddedError):
    """Somebody asked to stop before everything was up; no failure."""


class UnitRecord(TypedDict):
    """One line of state.json."""

    state: str
    pid: int | None
    birth: str
    started_at: str
    ports: dict[str, int]
    restarts: int
    trouble: str


class Record(TypedDict):
    """state.json: who supervises, and what runs. `running` is found out when it is read."""

    pid: int
    birth: str
    started_at: str
    running: bool
    units: dict[str, UnitRecord]


class Program:
    """A process of our own: a service, a worker."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        ports: Mapping[str, int] | None = None,
        ready: Callable[[], bool] | None = None,
        start_s: float = 60.0,
        stop_s: float = 15.0,
    ) -> None:
        """Run `command` with `env` over our own environment; `ready` says when it serves."""
        self._name = name
        self._command = tuple(command)
        self._log = log
        self._env = dict(env or {})
        self._cwd = cwd
        self._ports = dict(ports or {})
        self._ready = ready
        self._start_s = start_s
        self._stop_s = stop_s
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        """The name that `yinqi status` shows."""
        return self._name

    def start(self) -> None:
        """Start, and return when `ready` holds.

        Raises: EmbeddedError, where it ends or is not ready in time; with the end of its log.
        """
        if self.status().up:
            return
        child = spawn(self._command, log=self._log, env=os.environ | self._env, cwd=self._cwd)
        self._child = child
        ready = self._ready
        if ready is None:
            return
        settled = wait_until(lambda: child.poll() is not None or ready(), self._start_s)
        if not settled or child.poll() is not None:
            self.stop()
            raise EmbeddedError(f"{self._name} did not start 未能启动:\n{tail(self._log)}")

    def stop(self) -> None:
        """Ask it to end with SIGTERM; kill it where it takes too long."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(self._stop_s)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def status(self) -> Status:
        """Whether it runs."""
        if self._child is None or self._child.poll() is not None:
            return Status(up=False)
        return Status(up=True, pid=self._child.pid, ports=self._ports)


@dataclass(slots=True)
class _Kept:
    unit: Unit
    state: str = "starting"
    restarts: int = 0
    trouble: str = ""
    since: float = field(default_factory=time.monotonic)


def read_state(run: Path) -> Record | None:
    """What state.json says, corrected by what really runs; None where nothing ever ran here."""
    try:
        text = (run / "state.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    record = cast("Record", json.loads(text))
    record["running"] = _same(record["pid"], record["birth"])
    for unit in record["units"].values():
        pid = unit["pid"]
        if pid is not None and not _same(pid, unit["birth"]):
            unit["state"], unit["pid"] = "gone", None
    return record


def _same(pid: int, born: str) -> bool:
    # Numbers are used again; together with the instant of birth they are not.
    return alive(pid) and birth(pid) == born


class Supervisor:
    """The only one on its data folder, for as long as it is entered.

    Use: `with Supervisor(run) as up: up.start(postgres); up.start(*services); up.wait()`.
    What was started in one call is one group: started together, ended together, groups in
    reverse order. Every part that dies is started again, with growing pauses.
    """

    def __init__(self, run: Path, *, say: Callable[[str], None] | None = None) -> None:
        """Keep lock and state in the folder `run`; `say` is told what a person should know."""
        self._run = run.resolve()
        self._say: Callable[[str], None] = say or (lambda _text: None)
        self._groups: list[list[_Kept]] = []
        self._watchers: list[threading.Thread] = []
        self._stopping = threading.Event()
        self._writing = threading.Lock()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Take the lock and end what a killed predecessor left behind.

        Raises: AlreadyRunning, where another one works on this folder.
        """
        try:
            self._stack.enter_context(locked(self._run / "up.lock", wait=False))
        except AlreadyRunning:
            holder = read_state(self._run)
            who = f" (pid {holder['pid']})" if holder and holder["running"] else ""
            raise AlreadyRunning(
                f"yinqi already runs on this data folder{who}: stop it first, or name another "
                f"folder. 该数据目录上已有平台在运行{who}，请先停止，或指定其他目录"
            ) from None
        self._take_signals()
        self._end_orphans()
        self._write()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End everything and give the lock back."""
        try:
            self.stop()
        finally:
            self._stack.close()

    def start(self, *units: Unit) -> None:
        """Start these together, return when all are ready, and keep them alive from now on.

        Raises: Stopped, where a signal came meanwhile; EmbeddedError of the first that fails.
        """
        if self._stopping.is_set():
            raise Stopped("stopped while starting; 启动过程中收到停止请求")
        group = [_Kept(unit) for unit in units]
        self._groups.append(group)
        with ThreadPoolExecutor(len(group)) as together:
            for done in [together.submit(self._first_start, kept) for kept in group]:
                done.result()
        for kept in group:
            watcher = threading.Thread(target=self._watch, args=(kept,), daemon=True)
            watcher.start()
            self._watchers.append(watcher)

    def wait(self) -> None:
        """Return when SIGINT or SIGTERM comes, or `request_stop` is called."""
        # In pieces: a signal handler runs only when the main thread wakes up.
        while not self._stopping.wait(0.5):
            pass

    def request_stop(self) -> None:
        """Let `wait` return; may be called from any thread."""
        self._stopping.set()

    def stop(self) -> None:
        """End all groups, the last one first; safe to call twice."""
        self._stopping.set()
        for watcher in self._watchers:
            watcher.join()
        self._watchers.clear()
        while self._groups:
            group = self._groups[-1]
            with ThreadPoolExecutor(len(group)) as together:
                for done in [together.submit(kept.unit.stop) for kept in group]:
                    done.result()
            self._groups.pop()
            self._write()

    # --- inside -------------------------------------------------------------------------------

    def _take_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return

        def ask(_number: int, _frame: FrameType | None) -> None:
            self._stopping.set()

        # From the first moment: a stop in the middle of the start must end what runs already.
        for number in (signal.SIGINT, signal.SIGTERM):
            self._stack.callback(signal.signal, number, signal.signal(number, ask))

    def _end_orphans(self) -> None:
        record = read_state(self._run)
        for name, unit in reversed(list(record["units"].items())) if record else ():
            if unit["pid"] is not None:
                self._say(f"ending what an earlier run left behind 清理上次遗留进程: {name}")
                end(unit["pid"], signal.SIGTERM, _ORPHAN_S)

    def _first_start(self, kept: _Kept) -> None:
        kept.unit.start()
        self._note(kept, "up")

    def _watch(self, kept: _Kept) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._stopping.wait(_WATCH_S):
            if kept.unit.status().up:
                continue
            if time.monotonic() - kept.since > _SETTLED_S:
                pause_s = _FIRST_PAUSE_S
            self._note(kept, "restarting")
            self._say(f"{kept.unit.name} ended, starting it again 已退出，正在重启")
            if self._stopping.wait(pause_s):
                return
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            self._restart(kept)

    def _restart(self, kept: _Kept) -> None:
        kept.restarts += 1
        try:
            kept.unit.start()
        except (EmbeddedError, OSError) as error:
            self._note(kept, "failed", str(error))
            self._say(str(error))
        else:
            self._note(kept, "up")

    def _note(self, kept: _Kept, state: str, trouble: str = "") -> None:
        kept.state, kept.trouble, kept.since = state, trouble, time.monotonic()
        self._write()

    def _record(self, kept: _Kept) -> UnitRecord:
        status = kept.unit.status()
        pid = status.pid
        return UnitRecord(
            state=kept.state,
            pid=pid,
            birth=birth(pid) if pid is not None else "",
            started_at=started_at(pid) if pid is not None else "",
            ports=dict(status.ports),
            restarts=kept.restarts,
            trouble=kept.trouble,
        )

    def _write(self) -> None:
        with self._writing:
            kept = [k for group in self._groups for k in group]
            record = Record(
                pid=os.getpid(),
                birth=birth(os.getpid()),
                started_at=started_at(os.getpid()),
                running=True,
                units={k.unit.name: self._record(k) for k in kept},
            )
            text = json.dumps(record, ensure_ascii=False, indent=1)
            write_private(self._run / "state.json", text)
