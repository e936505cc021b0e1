"""Mergers are looked up with every batch."""

from shared.platform.migrations import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """The index on the few facts that tell of mergers."""
    run_sql("create index if not exists fact_kin on fact (ent, parent) where type in (17, 18)")
