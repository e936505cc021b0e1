"""Editions of the industry map: who stood on it, where and in what, when it was issued."""

from shared.platform.migrations import run_sql

revision = "0014"
down_revision = "0013"

TABLES = """
create table map_edition (edition int primary key, title text not null, list_vintage text not null,
    issued_on date not null, issued_at timestamptz not null, issued_by text not null,
    enterprises int not null);
create table map_entry (edition int not null, enterprise_id uuid not null,
    region_code text not null, industry_code text, longitude_e6 int not null,
    latitude_e6 int not null, precision text not null, listed boolean not null,
    high_tech boolean not null, primary key (edition, enterprise_id));
"""


def upgrade() -> None:
    """Create them."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(TABLES)
