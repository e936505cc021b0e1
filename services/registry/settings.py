"""The registry's settings."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from shared.platform.settings import ServiceSettings


class Settings(ServiceSettings):
    """From `REGISTRY_*`: where uploads lie, and what a hostile file may cost at most.

    A file is opened in a process of its own that gets `read_memory_bytes` and `read_cpu_seconds`.
    """

    model_config = SettingsConfigDict(env_prefix="REGISTRY_", extra="ignore")

    upload_dir: Path
    max_upload_bytes: int = 40 * 1024 * 1024
    read_memory_bytes: int = 2 * 1024**3
    read_cpu_seconds: int = 120
