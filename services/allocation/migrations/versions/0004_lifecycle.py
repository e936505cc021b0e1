"""What-ifs; profiles and amendments; checked plans; set capacities; returns and claims."""

from alembic import op

from shared.platform.migrations import run_sql

revision = "0004"
down_revision = "0003"

LIFECYCLE = """
create table scenario (scenario_id uuid primary key, campaign_id uuid not null references campaign,
    plan_id uuid not null, name text not null, city_code text, changes jsonb not null,
    now jsonb not null, then_ jsonb not null, load jsonb not null, moved int not null,
    moves bytea not null, created_by uuid, created_at timestamptz not null,
    unique (campaign_id, name));

create table profile (code text not null, version int not null, document jsonb not null,
    made_by uuid, made_at timestamptz not null, primary key (code, version));
create table amendment (campaign_id uuid not null references campaign, number int not null,
    document jsonb not null, reason text not null, changed text[] not null, amended_on date not null,
    made_by uuid, made_at timestamptz not null, primary key (campaign_id, number));

alter table plan add column checked_by uuid, add column checked_at timestamptz,
    drop constraint plan_state_check, add constraint plan_state_check check
    (state in ('solving', 'draft', 'checked', 'published', 'superseded', 'failed')),
    add constraint plan_two_people check (checked_by is null or checked_by <> created_by);

create table capacity_set (campaign_id uuid not null references campaign, city_code text not null,
    institution_id uuid not null, capacity int not null check (capacity >= 0), reason text not null,
    set_by uuid, set_at timestamptz not null, primary key (campaign_id, city_code, institution_id));

create table assignment_return (return_id uuid primary key, assignment_id uuid not null references assignment,
    campaign_id uuid not null, enterprise_id uuid not null, institution_id uuid not null,
    region_code text not null, reason_code text not null, note text not null, asked_on date not null,
    due_on date not null, asked_by uuid, decided_on date, granted boolean, decision_note text,
    decided_by uuid, check ((decided_on is null) = (granted is null)));
create unique index return_open on assignment_return (assignment_id) where decided_on is null;
create index return_of_campaign on assignment_return (campaign_id, return_id);

create table claim (claim_id uuid primary key, campaign_id uuid not null references campaign,
    enterprise_id uuid not null, institution_id uuid not null, region_code text not null,
    outlet_id uuid, staff_id uuid, claimed_on date not null, ended_on date, claimed_by uuid);
create unique index claim_live on claim (campaign_id, enterprise_id, institution_id)
    where ended_on is null;
"""


def upgrade() -> None:
    """Create the tables; plans that are published stay so, unchecked."""
    op.execute("set local lock_timeout = '5s'")
    run_sql(LIFECYCLE)
