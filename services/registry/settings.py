"""The registry's settings."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from shared.kernel.limits import MB, SHEET_MB
from shared.platform.settings import ServiceSettings
from shared.platform.settings import Settings as AnySettings


class VaultKeys(AnySettings):
    """From `REGISTRY_*`, or from files named by `REGISTRY_*_FILE`: the keys of the vault.

    `master_keys` has one `ID BASE64` line, or two while they are rotated: the first wraps.
    `phone_index_key` (base64) stays as it is for ever: look-ups by telephone hang on it.
    """

    model_config = SettingsConfigDict(env_prefix="REGISTRY_", extra="ignore")

    master_keys: str
    phone_index_key: str


class Settings(ServiceSettings):
    """From `REGISTRY_*`: where uploads lie, and what a hostile file may cost at most.

    A file is opened in a process of its own that gets `read_memory_bytes` and `read_cpu_seconds`.
    One person may unveil `reveals_per_day` persons a day; what was unveiled shows for
    `reveal_minutes`. Uploaded sheets are thrown away after `upload_days`.
    """

    model_config = SettingsConfigDict(env_prefix="REGISTRY_", extra="ignore")

    upload_dir: Path
    max_upload_bytes: int = SHEET_MB * MB
    read_memory_bytes: int = 2 * 1024**3
    read_cpu_seconds: int = 120
    reveals_per_day: int = 50
    reveal_minutes: int = 5
    upload_days: int = 30
