"""Names as people type them: pairs of characters, pinyin and initials beside the names."""

from shared.platform.migrations import run_sql

revision = "0011"
down_revision = "0010"

TABLES = """
-- spelled_name is the name that spelled was made from; where it differs, it is to be made again.
alter table enterprise_name add column spelled_name text not null default '',
    add column spelled text not null default '';
create index enterprise_name_spelled on enterprise_name using gin (spelled gin_trgm_ops);
create index enterprise_name_unspelled on enterprise_name (enterprise_id)
    where spelled_name <> name;
-- Files made for someone: what was asked, by whom, for what purpose, and how many rows went out.
create table export (export_id uuid primary key, what text not null, format text not null,
    params jsonb not null, purpose text not null, asker jsonb not null, job_id uuid not null,
    created_at timestamptz not null, rows int, finished_at timestamptz);
create index enterprise_by_code on enterprise (uscc) include (region_code, industry_code, has_loan);
"""


def upgrade() -> None:
    """Add them."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(TABLES)
