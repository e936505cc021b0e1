"""Subscriptions of banks to what happens, and the messages under way to them."""

from shared.platform.migrations import run_sql
from shared.platform.webhooks import TABLES

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_sql(TABLES)
