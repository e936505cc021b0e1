"""Settings of the visits service."""

from pathlib import Path

from pydantic_settings import SettingsConfigDict

from shared.platform.settings import ServiceSettings


class Settings(ServiceSettings):
    """`photo_dir` holds the cleaned photos, named by their hash; back it up with the database."""

    model_config = SettingsConfigDict(env_prefix="VISITS_", extra="ignore")

    photo_dir: Path
