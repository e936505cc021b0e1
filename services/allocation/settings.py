"""Settings of the allocation service."""

from pydantic_settings import SettingsConfigDict

from shared.platform.settings import ServiceSettings


class Settings(ServiceSettings):
    """What every service has."""

    model_config = SettingsConfigDict(env_prefix="ALLOCATION_", extra="ignore")
