"""The distributed form as far as it can be judged without Docker, and its database set-up."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from shared.platform.embedded.nginx import find_nginx
from shared.platform.embedded.pgbinaries import find_binaries
from shared.platform.embedded.postgres import Postgres

SERVICES = ("identity", "registry", "allocation", "visits", "credit", "reporting")


@pytest.fixture
def compose(repository: Path) -> dict[str, Any]:
    return yaml.safe_load((repository / "docker-compose.yml").read_text())


def test_every_container_runs_as_an_ordinary_user_without_powers(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["user"].split(":")[0] not in {"0", "root"}, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("read_only") or name == "kafka", name


def test_every_service_has_its_own_secret_and_no_other(compose: dict[str, Any]) -> None:
    for name in SERVICES:
        for role in (name, f"{name}-worker", f"{name}-migrate"):
            mine = [s for s in compose["services"][role]["secrets"] if s.endswith("database_url")]
            assert mine == [f"{name}_database_url"], role
            for key, value in compose["services"][role]["environment"].items():
                assert "PASSWORD" not in key
                assert "postgresql://" not in str(value)


def test_the_secrets_named_are_the_secrets_made(
    compose: dict[str, Any], repository: Path, tmp_path: Path
) -> None:
    shutil.copy2(repository / "deploy" / "make_secrets.sh", tmp_path)
    subprocess.run([str(tmp_path / "make_secrets.sh")], check=True, capture_output=True)
    made = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert set(made) == set(compose["secrets"])
    assert made["identity_signing_key"].startswith("-----BEGIN PRIVATE KEY-----")
    subprocess.run([str(tmp_path / "make_secrets.sh")], check=True, capture_output=True)
    assert made == {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}


def test_the_gateway_of_compose_is_the_gateway_of_the_embedded_run(
    compose: dict[str, Any], repository: Path, tmp_path: Path
) -> None:
    """Its configuration is rendered from the same templates, and its certificates are at hand."""
    docker = (repository / "deploy" / "Dockerfile").read_text()
    command = docker.partition("python -m shared.platform.embedded.gateway")[2].partition(">")[0]
    named = set(re.findall(r"/run/secrets/(\w+)", command))
    assert named == set(compose["services"]["gateway"]["secrets"])
    shutil.copy2(repository / "deploy" / "make_secrets.sh", tmp_path)
    subprocess.run([str(tmp_path / "make_secrets.sh")], check=True, capture_output=True)
    words = re.sub(r"\$\(.*?\)", "--host yinqi.example", command).replace("\\\n", " ")
    words = words.replace("/run/secrets", str(tmp_path / "secrets"))
    words = words.replace("--run /tmp", f"--run {tmp_path}")
    rendered = subprocess.run(
        [sys.executable, "-m", "shared.platform.embedded.gateway", *words.split()],
        check=True,
        cwd=repository,
        env=os.environ | {"PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
    ).stdout
    assert "server_name localhost 127.0.0.1 [::1] yinqi.example;" in rendered
    assert "listen 8443 ssl;" in rendered
    assert "ssl_verify_client on;" in rendered
    (tmp_path / "nginx.conf").write_text(rendered)
    path = str(tmp_path / "nginx.conf")
    judged = subprocess.run(
        [str(find_nginx()), "-t", "-p", str(tmp_path), "-e", "stderr", "-c", path],
        check=False,
        capture_output=True,
        text=True,
    )
    assert judged.returncode == 0, judged.stderr


def test_the_set_up_script_makes_what_the_services_expect(
    server: Postgres, repository: Path, tmp_path: Path
) -> None:
    shutil.copy2(repository / "deploy" / "make_secrets.sh", tmp_path)
    subprocess.run([str(tmp_path / "make_secrets.sh")], check=True, capture_output=True)
    secrets = tmp_path / "secrets"
    script = (repository / "deploy" / "postgres" / "10-services.sh").read_text()
    moved = tmp_path / "set-up.sh"
    moved.write_text(script.replace("/run/secrets", str(secrets)))
    psql = str(find_binaries().folder)
    env = os.environ | {
        "PATH": f"{psql}:{os.environ['PATH']}",
        "POSTGRES_USER": "postgres",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(server.server.port),
        "PGPASSWORD": server.server.password("postgres"),
    }
    subprocess.run(["sh", str(moved)], check=True, env=env, capture_output=True)
    for name in SERVICES:
        address = (secrets / f"{name}_database_url").read_text()
        here = address.replace("@postgres:5432", f"@127.0.0.1:{server.server.port}")
        with psycopg.connect(here) as session:
            session.execute("create table event_log (off bigint)")
            row = session.execute("select cardinality(show_trgm('苏州华光'))").fetchone()
            assert row is not None
            assert row[0] >= 5
        other = "credit" if name != "credit" else "visits"
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(f"{here.rpartition('/')[0]}/{other}")
