"""Settings of the credit service."""

from pydantic_settings import SettingsConfigDict

from shared.platform.settings import ServiceSettings


class Settings(ServiceSettings):
    """Credit needs its database and nothing else."""

    model_config = SettingsConfigDict(env_prefix="CREDIT_", extra="ignore")
