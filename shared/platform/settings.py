"""Settings from the environment; every secret may also come from a file named by `<NAME>_FILE`."""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

SERVICES = ("identity", "registry", "allocation", "visits", "credit", "reporting")


class SecretFiles(PydanticBaseSettingsSource):
    """Reads `<PREFIX><FIELD>_FILE`: how orchestrators hand secrets in without the environment."""

    def get_field_value(
        self,
        field: FieldInfo,  # noqa: ARG002 - the base class asks for it
        field_name: str,
    ) -> tuple[Any, str, bool]:
        prefix = str(self.config.get("env_prefix", ""))
        path = os.environ.get(f"{prefix}{field_name}_FILE".upper())
        return (Path(path).read_text().strip() if path else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            value, key, _ = self.get_field_value(field, name)
            if value is not None:
                values[key] = value
        return values


class Settings(BaseSettings):
    """Base of all settings classes: environment first, then secret files, then defaults."""

    model_config = SettingsConfigDict(extra="ignore")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, SecretFiles(settings_cls))


def deployed(default: Any) -> Any:
    """A field whose default fits one machine only: whoever deploys has to set it (a test looks)."""
    return Field(default, json_schema_extra={"deployed": True})


class PlatformSettings(Settings):
    """What all services share: the transport, the broker, the logs of the others, the token keys.

    `simulation` opens the simulated clock (demo and tests only); it must be off in production.
    `worker_name` must differ between processes that work for one service at the same time.
    `audit_key` (Ed25519, private, workers only) signs the heads of the audit chains every
    `audit_seal_seconds`; the signed records are also written to files in `audit_dir`.
    """

    model_config = SettingsConfigDict(env_prefix="YINQI_", extra="ignore")

    transport: Literal["log", "kafka"] = "log"
    kafka_bootstrap: str = "127.0.0.1:9092"
    jwks_file: Path | None = None
    jwks_url: str | None = None
    simulation: bool = False
    worker_name: str = "worker-0"
    log_level: str = "INFO"
    metrics_port: int | None = None
    audit_key: str | None = None
    audit_dir: Path | None = None
    audit_seal_seconds: float = 600
    log_url_identity: str | None = None
    log_url_registry: str | None = None
    log_url_allocation: str | None = None
    log_url_visits: str | None = None
    log_url_credit: str | None = None
    log_url_reporting: str | None = None

    def log_url(self, service: str) -> str:
        """The read-only address of a service's event log, on the `log` transport."""
        url: str | None = getattr(self, f"log_url_{service}")
        if url is None:
            raise LookupError(f"YINQI_LOG_URL_{service.upper()} is not set")
        return url


class ServiceSettings(Settings):
    """What every service has: its own database and its own port."""

    database_url: str
    host: str = "127.0.0.1"
    port: int = 8000
    pool_size: int = 12


def owner_url(service: str) -> str:
    """The address of a service's database for its owner: migrations and rebuilds only.

    Raises: LookupError, where neither `<SERVICE>_OWNER_URL` nor `…_OWNER_URL_FILE` is set.
    """
    return _address(service, "owner_url")


def service_url(service: str) -> str:
    """The address of a service's database for the service, without its other settings.

    Raises: LookupError, where neither `<SERVICE>_DATABASE_URL` nor `…_DATABASE_URL_FILE` is set.
    """
    return _address(service, "database_url")


def _address(service: str, name: Literal["owner_url", "database_url"]) -> str:
    class Addresses(Settings):
        model_config = SettingsConfigDict(env_prefix=f"{service.upper()}_", extra="ignore")
        owner_url: str | None = None
        database_url: str | None = None

    found: str | None = getattr(Addresses(), name)
    if found is None:
        raise LookupError(f"{service.upper()}_{name.upper()} is not set")
    return found
