"""The distributed form as far as it can be judged without Docker, and its database set-up."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from shared.platform.embedded.nginx import find_nginx
from shared.platform.embedded.pgbinaries import find_binaries
from shared.platform.embedded.postgres import Postgres
from shared.platform.migrate import migrate
from shared.platform.settings import Settings

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
        for role, address in (
            (name, f"{name}_database_url"),
            (f"{name}-worker", f"{name}_database_url"),
            (f"{name}-migrate", f"{name}_owner_url"),
        ):
            mine = [s for s in compose["services"][role]["secrets"] if s.endswith("_url")]
            assert mine == [address], role
            for key, value in compose["services"][role]["environment"].items():
                assert "PASSWORD" not in key or key.endswith("_FILE")
                assert "postgresql://" not in str(value)


def asked_of(service: str) -> set[str]:
    """Settings without which a service does not start, or would be as on one machine only."""
    module = import_module(f"services.{service}.settings")
    classes = [
        one for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, Settings) and one.__module__ == module.__name__
    ]  # fmt: skip
    assert classes
    return {
        f"{one.model_config.get('env_prefix', '')}{name}".upper()
        for one in classes
        for name, field in one.model_fields.items()
        if field.is_required() or (dict(field.json_schema_extra or {})).get("deployed")  # pyright: ignore[reportArgumentType, reportCallIssue]
    }


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_that_has_to_be_set_is_set(compose: dict[str, Any], service: str) -> None:
    for role in (service, f"{service}-worker"):
        given = set[str]()
        for name, value in compose["services"][role]["environment"].items():
            assert value not in (None, ""), (role, name)
            given.add(name.removesuffix("_FILE"))
            if name.endswith("_FILE"):
                secret = str(value).removeprefix("/run/secrets/")
                assert secret in compose["services"][role]["secrets"], (role, name)
        assert asked_of(service) <= given, role


def test_identity_is_found_where_browsers_are_and_its_cookies_are_for_tls(
    compose: dict[str, Any],
) -> None:
    environment = compose["services"]["identity"]["environment"]
    assert {"IDENTITY_PUBLIC_URL", "IDENTITY_SEAL_KEYS", "IDENTITY_SIGNING_KEY"} < asked_of(
        "identity"
    )
    assert environment["IDENTITY_PUBLIC_URL"] == "${YINQI_PUBLIC_URL:-https://localhost:8443}"
    assert environment["IDENTITY_SECURE_COOKIE"] == "true"


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

        def reached(secret: str) -> str:
            address = (secrets / secret).read_text()
            return address.replace("@postgres:5432", f"@127.0.0.1:{server.server.port}")

        asyncio.run(migrate(name, reached(f"{name}_owner_url")))
        here = reached(f"{name}_database_url")
        with psycopg.connect(here) as session:
            row = session.execute("select count(*) from event_log").fetchone()
            assert row == (0,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute("create table mine (n int)")
            session.rollback()
            row = session.execute("select cardinality(show_trgm('苏州华光'))").fetchone()
            assert row is not None
            assert row[0] >= 5
        other = "credit" if name != "credit" else "visits"
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(f"{here.rpartition('/')[0]}/{other}")
