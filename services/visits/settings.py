"""Settings of the visits service."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from shared.platform.settings import ServiceSettings
from shared.platform.settings import Settings as AnySettings


class VaultKeys(AnySettings):
    """From `VISITS_*`, or a file named by `VISITS_MASTER_KEYS_FILE`: as the registry's."""

    model_config = SettingsConfigDict(env_prefix="VISITS_", extra="ignore")

    master_keys: str


class Settings(ServiceSettings):
    """`photo_dir` holds the cleaned photos, named by their hash; back it up with the database."""

    model_config = SettingsConfigDict(env_prefix="VISITS_", extra="ignore")

    photo_dir: Path
