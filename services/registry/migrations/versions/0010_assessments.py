"""What is known of enterprises, how they were judged by it, and the stage they are in."""

from shared.platform.migrations import run_sql

revision = "0010"
down_revision = "0005"

TABLES = """
-- What one source stated for one day; never changed. Lists state facts too: list_member.
create table fact_sheet (sheet_id uuid primary key, enterprise_id uuid not null,
    as_of date not null, source text not null, facts jsonb not null,
    recorded_at timestamptz not null, recorded_by text not null);
create index fact_sheet_by_enterprise on fact_sheet (enterprise_id, as_of desc);

-- A judgement keeps its result; its reasons are computed again from the facts known at known_at.
create table assessment (enterprise_id uuid not null, standard text not null,
    known_at timestamptz not null, judged_on date not null, version text not null,
    verdict text not null, points_low smallint, points_high smallint, phase text, stage text,
    digest bytea not null, current boolean not null default true,
    primary key (enterprise_id, standard, known_at));
create unique index assessment_current on assessment (enterprise_id, standard) where current;
create index assessment_by_result on assessment (standard, verdict, enterprise_id) where current;

create table enterprise_stage (enterprise_id uuid not null, valid_from date not null,
    stage text not null, phase text, source text not null, version text not null,
    reason text not null, recorded_at timestamptz not null, recorded_by text not null,
    primary key (enterprise_id, valid_from));
"""


def upgrade() -> None:
    """Create them."""
    run_sql("set local lock_timeout = '5s'")
    run_sql(TABLES)
