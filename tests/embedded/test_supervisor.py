"""The supervisor: what dies comes back, what is stopped stays down, nobody is left behind."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import psycopg
import pytest

from shared.platform.embedded.nginx import Nginx
from shared.platform.embedded.ports import free_port
from shared.platform.embedded.postgres import Postgres
from shared.platform.embedded.processes import (
    AlreadyRunning,
    EmbeddedError,
    alive,
    birth,
    spawn,
    wait_until,
    working_in,
)
from shared.platform.embedded.supervisor import Program, Supervisor, read_state

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")


def program(folder: Path, name: str = "sleeper", *command: str) -> Program:
    return Program(name, command or SLEEP, log=folder / f"{name}.log")


def pid_of(run: Path, name: str = "sleeper") -> int:
    record = read_state(run)
    assert record is not None
    pid = record["units"][name]["pid"]
    assert pid is not None
    return pid


def test_a_killed_child_is_started_again_and_the_state_tells(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as up:
        up.start(program(tmp_path))
        first = pid_of(tmp_path)
        os.kill(first, signal.SIGKILL)

        def back() -> bool:
            record = read_state(tmp_path)
            unit = record["units"]["sleeper"] if record else None
            return unit is not None and unit["pid"] not in {None, first} and unit["state"] == "up"

        assert wait_until(back, 5)
        record = read_state(tmp_path)
        assert record is not None
        assert record["running"]
        assert record["units"]["sleeper"]["restarts"] == 1
        assert record["units"]["sleeper"]["started_at"].endswith("+00:00")
        second = pid_of(tmp_path)
    assert not alive(second)
    record = read_state(tmp_path)
    assert record is not None
    assert record["units"] == {}


def test_a_child_that_keeps_dying_is_tried_with_growing_pauses(tmp_path: Path) -> None:
    said: list[str] = []
    with Supervisor(tmp_path, say=said.append) as up:
        up.start(program(tmp_path, "brief", sys.executable, "-c", "raise SystemExit(3)"))
        assert wait_until(lambda: len(said) >= 2, 5)
        threading.Event().wait(0.6)
    assert len(said) <= 4
    assert "brief" in said[0]


def test_a_child_that_never_gets_ready_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    sad = Program(
        "sad",
        (sys.executable, "-c", "print('no database'); raise SystemExit(1)"),
        log=tmp_path / "sad.log",
        ready=lambda: False,
    )
    neighbour = program(tmp_path)
    with pytest.raises(EmbeddedError, match="no database"), Supervisor(tmp_path) as up:
        up.start(neighbour, sad)
    assert not neighbour.status().up


def test_a_second_run_on_the_same_folder_is_refused_clearly(tmp_path: Path) -> None:
    second = Supervisor(tmp_path)
    with Supervisor(tmp_path), pytest.raises(AlreadyRunning, match=f"pid {os.getpid()}"):
        second.__enter__()
    with Supervisor(tmp_path):
        pass


def test_groups_end_in_reverse_order(tmp_path: Path) -> None:
    order = tmp_path / "order"
    code = (
        "import signal, sys, time\n"
        "def bye(*_):\n"
        f"    open({str(order)!r}, 'a').write(sys.argv[1] + '\\n'); raise SystemExit\n"
        "signal.signal(signal.SIGTERM, bye); open(sys.argv[2], 'w'); time.sleep(60)\n"
    )
    with Supervisor(tmp_path / "run") as up:
        for name in ("database", "service", "gateway"):
            flag = tmp_path / f"{name}.ready"
            command = (sys.executable, "-c", code, name, str(flag))
            up.start(Program(name, command, log=tmp_path / f"{name}.log", ready=flag.exists))
    assert order.read_text().split() == ["gateway", "service", "database"]


def test_sigterm_ends_everything(tmp_path: Path, repository: Path) -> None:
    with _run_of_its_own(tmp_path, repository) as run:
        child = pid_of(tmp_path)
        run.terminate()
        assert run.wait(10) == 0
    assert not alive(child)


def test_nothing_is_left_behind_when_the_supervisor_is_killed(
    tmp_path: Path, repository: Path
) -> None:
    with _run_of_its_own(tmp_path, repository) as run:
        child = pid_of(tmp_path)
        run.kill()
    assert wait_until(lambda: not alive(child), 5)
    record = read_state(tmp_path)
    assert record is not None
    assert not record["running"]
    assert record["units"]["sleeper"]["state"] == "gone"
    with Supervisor(tmp_path) as up:
        up.start(program(tmp_path))


def test_an_orphan_of_a_killed_run_is_ended_and_a_stranger_is_not(tmp_path: Path) -> None:
    orphan = spawn(SLEEP, log=tmp_path / "orphan.log")
    stranger = spawn(SLEEP, log=tmp_path / "stranger.log")
    with Supervisor(tmp_path):
        pass
    state = tmp_path / "state.json"
    record = json.loads(state.read_text())
    line = {"state": "up", "started_at": "", "ports": {}, "restarts": 0, "trouble": ""}
    record["units"] = {
        "orphan": line | {"pid": orphan.pid, "birth": birth(orphan.pid)},
        "reused": line | {"pid": stranger.pid, "birth": "1"},
    }
    state.write_text(json.dumps(record))
    said: list[str] = []
    with Supervisor(tmp_path, say=said.append):
        assert orphan.wait(5) == -signal.SIGTERM
        assert stranger.poll() is None
    assert len(said) == 1
    assert "orphan" in said[0]
    stranger.kill()
    stranger.wait()


def test_a_child_outlives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    sleeper = program(tmp_path)
    thread = threading.Thread(target=sleeper.start)
    thread.start()
    thread.join()
    assert not wait_until(lambda: not sleeper.status().up, 0.2)
    sleeper.stop()


def _run_of_its_own(run: Path, repository: Path) -> "subprocess.Popen[bytes]":
    code = (
        "import sys; from pathlib import Path\n"
        "from shared.platform.embedded.supervisor import Program, Supervisor\n"
        "run = Path(sys.argv[1])\n"
        "with Supervisor(run) as up:\n"
        "    up.start(Program('sleeper', ('sleep', '60'), log=run / 'sleeper.log'))\n"
        "    print('up', flush=True)\n"
        "    up.wait()\n"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", code, str(run)], cwd=repository, stdout=subprocess.PIPE
    )
    assert started.stdout is not None
    assert started.stdout.readline() == b"up\n"
    return started


def test_a_killed_database_and_gateway_come_back_at_their_addresses(tmp_path: Path) -> None:
    postgres = Postgres(tmp_path / "postgres")
    nginx = Nginx(tmp_path / "nginx", {"identity": free_port()}, web=tmp_path / "none")
    with Supervisor(tmp_path / "run") as up:
        up.start(postgres, nginx)
        database = postgres.create_service_database("kept")
        with psycopg.connect(database.owner_url) as session:
            session.execute("create table fact as select 1 as n")
        for unit in (postgres, nginx):
            before = pid_of(tmp_path / "run", unit.name)
            os.kill(before, signal.SIGKILL)
            assert wait_until(lambda: unit.status().pid not in {None, before}, 10)  # noqa: B023
        with psycopg.connect(database.owner_url) as session:
            assert session.execute("select n from fact").fetchone() == (1,)
        with urllib.request.urlopen(f"{nginx.url}/healthz", timeout=5) as answer:
            assert answer.read() == b"ok\n"
    assert not any(working_in(tmp_path / "postgres" / "data", "postgres"))
    assert not any(working_in(tmp_path / "nginx", "nginx"))
