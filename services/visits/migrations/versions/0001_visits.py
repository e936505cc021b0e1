"""Visits, photos, needs, refused attempts, and the copies of what registry and allocation say."""

from alembic import op

from shared.platform.migrations import run_sql
from shared.platform.tables import PLATFORM_UP

revision = "0001"
down_revision = None

COPIES = """
create table roster (staff_id uuid not null, valid_from date not null, valid_to date,
    institution_id uuid not null, outlet_id uuid not null, role text not null,
    primary key (staff_id, valid_from));
create table enterprise_place (enterprise_id uuid not null, valid_from date not null,
    region_code text not null, longitude_e6 int not null, latitude_e6 int not null,
    precision text not null, primary key (enterprise_id, valid_from));
create table campaign (campaign_id uuid primary key, profile text not null,
    list_vintage text not null, opens_on date not null, visits_from date not null,
    visits_until date not null);
create table enrolment (campaign_id uuid not null, enterprise_id uuid not null,
    region_code text not null, primary key (campaign_id, enterprise_id));
create table assignment (assignment_id uuid primary key, enterprise_id uuid not null,
    campaign_id uuid not null, institution_id uuid not null, region_code text, round int,
    assigned_on date, ended_on date, outlet_id uuid, staff_id uuid, named_on date);
create index assignment_of_enterprise on assignment (enterprise_id, campaign_id, institution_id);
create index assignment_of_institution on assignment (institution_id, outlet_id);
create index assignment_of_contact on assignment (staff_id) where staff_id is not null;
"""

OWN = """
create table visit (
    visit_id uuid primary key, campaign_id uuid not null, enterprise_id uuid not null,
    institution_id uuid not null, outlet_id uuid not null, assignment_id uuid not null,
    region_code text not null, visited_on date not null, started_at timestamptz,
    staff_ids uuid[] not null check (cardinality(staff_ids) > 0),
    interviewee_role text, interviewee_name text,
    longitude_e6 int, latitude_e6 int, accuracy_m real,
    photos smallint not null, told_campaign boolean not null, told_qr boolean not null, note text,
    remote boolean not null default false,
    complete boolean not null, missing text[] not null, flags text[] not null,
    content_hash bytea not null, recorded_by uuid, recorded_at timestamptz not null,
    voided_at timestamptz, voided_on date, voided_by uuid, void_reason_code text, void_reason text,
    check (complete = (cardinality(missing) = 0)),
    check ((voided_at is null) = (void_reason_code is null)));
comment on column visit.interviewee_name is 'personal data: never in events, audit or logs';
comment on column visit.note is 'may hold personal data: never in events, audit or logs';
comment on column visit.void_reason is 'may hold personal data: never in events, audit or logs';
create index visit_of_enterprise on visit (enterprise_id, campaign_id);
create index visit_of_institution on visit (institution_id, visited_on, visit_id);

create table need (
    need_id uuid primary key, visit_id uuid not null unique references visit,
    campaign_id uuid not null, enterprise_id uuid not null, institution_id uuid not null,
    outlet_id uuid not null, region_code text not null, amount_fen bigint not null check (amount_fen > 0),
    purpose text not null, term_months smallint not null check (term_months > 0),
    state text not null default 'open', recorded_on date not null, recorded_at timestamptz not null);
create index need_of_enterprise on need (enterprise_id);
create index need_of_institution on need (institution_id, recorded_on, need_id);

create table photo (
    photo_id uuid primary key, institution_id uuid not null, visit_id uuid references visit,
    original_sha256 bytea not null, original_bytes int not null, original_type text not null,
    stored_sha256 bytea not null, stored_bytes int not null,
    width smallint not null, height smallint not null,
    exif_taken_at text, exif_longitude double precision, exif_latitude double precision,
    uploaded_by uuid, uploaded_at timestamptz not null);
create index photo_of_visit on photo (visit_id) where visit_id is not null;
create index photo_by_original on photo (original_sha256);

create table refused_visit (
    visit_id uuid not null, institution_id uuid not null, content_hash bytea not null,
    campaign_id uuid not null, enterprise_id uuid not null, region_code text not null,
    visited_on date not null, staff_ids uuid[] not null,
    refused_staff_ids uuid[] not null, reasons text[] not null, attempts int not null default 1,
    actor uuid, first_at timestamptz not null, last_at timestamptz not null,
    primary key (visit_id, institution_id, content_hash));
create index refused_visit_newest on refused_visit (last_at, visit_id);
"""


def upgrade() -> None:
    """Create everything: this is the first revision."""
    op.execute("set local lock_timeout = '5s'")
    run_sql(PLATFORM_UP)
    run_sql(COPIES)
    run_sql(OWN)
