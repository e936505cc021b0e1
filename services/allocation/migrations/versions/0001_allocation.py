"""Campaigns, plans, assignments, contacts, and the copies of what registry and credit say."""

from alembic import op

from shared.platform.migrations import run_sql
from shared.platform.tables import PLATFORM_UP

revision = "0001"
down_revision = None

COPIES = """
create table institution (institution_id uuid primary key, code text not null, name text not null,
    type text not null, active boolean not null);
create table outlet (outlet_id uuid primary key, institution_id uuid not null,
    region_code text not null, longitude_e6 int not null, latitude_e6 int not null,
    relationship_managers int not null, service_capacity int, active boolean not null);
create table roster (staff_id uuid not null, valid_from date not null, valid_to date,
    institution_id uuid not null, outlet_id uuid not null, role text not null,
    primary key (staff_id, valid_from));
create table list_entry (list_vintage text not null, enterprise_id uuid not null,
    region_code text not null, longitude_e6 int not null, latitude_e6 int not null,
    precision text not null, has_loan boolean, lender_ids uuid[] not null, listed_on date not null,
    primary key (list_vintage, enterprise_id));
create table list_import (import_id uuid primary key, list_vintage text not null,
    taken int not null);
create table enterprise_change (enterprise_id uuid not null, valid_from date not null,
    region_code text not null, longitude_e6 int not null, latitude_e6 int not null,
    precision text not null, primary key (enterprise_id, valid_from));
create table financing (fact_id uuid primary key, enterprise_id uuid not null,
    institution_id uuid not null, kind text not null, happened_on date not null);
create index financing_of_enterprise on financing (enterprise_id, happened_on);
"""

# The three tables with a row per enterprise name their campaign and plan without a foreign key: a
# list is written in one statement, and each key would cost a look-up for each of its rows.
OWN = """
create table campaign (campaign_id uuid primary key, profile text not null,
    profile_document jsonb not null, name text not null, list_vintage text not null,
    opens_on date not null, visits_from date not null, visits_until date not null,
    contacts_due_on date not null, rotation_on date not null,
    state text not null check (state in ('enrolling', 'open')), enrolled int not null default 0,
    job_id uuid not null, created_by uuid, created_at timestamptz not null,
    unique (list_vintage, profile, name));
create table enrolment (campaign_id uuid not null, enterprise_id uuid not null, region_code text not null,
    primary key (campaign_id, enterprise_id));

create table plan (plan_id uuid primary key, campaign_id uuid not null references campaign,
    tier smallint not null check (tier in (1, 2)), version int not null,
    round int not null default 1, seed bigint not null,
    state text not null check (state in ('solving', 'draft', 'published', 'superseded', 'failed')),
    rests_on uuid references plan, rotated_on date, solved_on date,
    job_id uuid not null, publication_job_id uuid,
    assigned int, unassigned int, exhausted int, gini_bp int, moved int,
    failure_code text, failure text, created_by uuid, created_at timestamptz not null,
    published_at timestamptz, published_on date, superseded_by uuid references plan,
    unique (campaign_id, tier, version));
create table plan_city (plan_id uuid not null references plan, city_code text not null,
    listed int not null, exhausted int not null, longest_m int not null, violations int not null,
    digest text not null, task bytea not null, primary key (plan_id, city_code));
create table plan_row (plan_id uuid not null, enterprise_id uuid not null,
    assignment_id uuid, region_code text not null, city_code text not null,
    node_kind text not null, bureau_code text, institution_id uuid, nearest_outlet_id uuid,
    distance_m int, reason jsonb not null, primary key (plan_id, enterprise_id));
create index plan_row_of_institution on plan_row (plan_id, institution_id, enterprise_id);
create table plan_load (plan_id uuid not null references plan, city_code text not null,
    bureau_code text, institution_id uuid, capacity int not null, carried int not null,
    quota int not null, assigned int not null, hard int not null, fill_bp int not null,
    deviation_bp int not null, mean_m int not null, price_m int not null);
create index plan_load_of_plan on plan_load (plan_id);
create table plan_shortage (plan_id uuid not null references plan, city_code text not null,
    slots int not null, short int not null, institution_ids uuid[] not null,
    enterprise_ids uuid[] not null);
create index plan_shortage_of_plan on plan_shortage (plan_id);

create table assignment (assignment_id uuid primary key, campaign_id uuid not null,
    plan_id uuid not null, enterprise_id uuid not null, tier smallint not null, round int not null,
    bureau_code text, institution_id uuid, region_code text not null, assigned_on date not null,
    nearest_outlet_id uuid, distance_m int,
    outlet_id uuid, staff_id uuid, contact_named_on date,
    ended_on date, end_reason text,
    check ((bureau_code is null) <> (institution_id is null)),
    check ((ended_on is null) = (end_reason is null)),
    check ((staff_id is null) = (outlet_id is null)));
create unique index assignment_live on assignment (campaign_id, tier, enterprise_id)
    where ended_on is null;
create index assignment_of_campaign on assignment (campaign_id, assignment_id);
create index assignment_of_institution on assignment (institution_id, assignment_id);
create index assignment_of_enterprise on assignment (enterprise_id);
create table contact (assignment_id uuid not null references assignment, number int not null,
    outlet_id uuid not null, staff_id uuid not null, named_on date not null, named_by uuid,
    named_at timestamptz not null, primary key (assignment_id, number));
"""


def upgrade() -> None:
    """Create everything: this is the first revision."""
    op.execute("set local lock_timeout = '5s'")
    run_sql(PLATFORM_UP)
    run_sql(COPIES)
    run_sql(OWN)
