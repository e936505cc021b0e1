"""Settings of the allocation service."""

from pydantic_settings import SettingsConfigDict

from shared.platform.settings import ServiceSettings


class Settings(ServiceSettings):
    """From `solve_apart_from` enterprises on, a plan is solved in a process of its own.

    Below, starting one would take longer than the solving.
    """

    model_config = SettingsConfigDict(env_prefix="ALLOCATION_", extra="ignore")

    solve_apart_from: int = 5_000
