"""The tables: `fact` and `delta` carry the truth, `delta_month` is their roll-up, then labels.

All but `pulse` and `bulletin` are made from events alone: a rebuild makes them again under a new
name, row for row the same, and swaps. So their statements take a suffix.
"""

from typing import Final

#: What a rebuild makes again, with the column order that COPY writes.
REBUILT: Final[dict[str, tuple[str, ...]]] = {
    "fact": (
        "ent", "cause", "known_at", "event_id", "type", "business_on", "county", "fen", "flags",
        "recorded_at", "ref", "parent", "institution", "outlet", "campaign", "actor",
    ),
    "delta": (
        "ent", "cause", "known_at", "campaign", "kind", "business_on", "county", "n", "fen",
        "institution", "outlet",
    ),
    "delta_month": ("campaign", "month", "kind", "institution", "county", "n", "fen"),
    "enterprise": ("ent", "uscc"),
    "institution": ("institution", "code", "name", "type", "active"),
    "outlet": ("outlet", "institution", "name", "county", "active"),
    "campaign": ("campaign", "profile", "list_vintage", "opens_on", "visits_until"),
}  # fmt: skip

_TABLES: Final[dict[str, str]] = {
    # One row per event as learnt; never updated. `cause`: topic and per-key sequence.
    "fact": """
        ent uuid not null, cause bigint not null, known_at timestamptz not null,
        event_id uuid not null, type smallint not null, business_on date not null,
        county int not null, fen bigint not null, flags smallint not null,
        recorded_at timestamptz not null, ref uuid, parent uuid, institution uuid, outlet uuid,
        campaign uuid, actor uuid""",
    # Signed rows. No outlet: a row of the institution (overlap); neither: a row of the total.
    "delta": """
        ent uuid not null, cause bigint not null, known_at timestamptz not null,
        campaign uuid not null, kind smallint not null, business_on date not null,
        county int not null, n int not null, fen bigint not null, institution uuid, outlet uuid""",
    # The sums of `delta` as known now; rows that come to nothing are taken away.
    "delta_month": """
        campaign uuid not null, month date not null, kind smallint not null, institution uuid,
        county int not null, n int not null, fen bigint not null""",
    "enterprise": "ent uuid not null, uscc text not null",
    "institution": """
        institution uuid not null, code text not null, name text not null, type text not null,
        active boolean not null""",
    "outlet": """
        outlet uuid not null, institution uuid not null, name text not null, county int not null,
        active boolean not null""",
    "campaign": """
        campaign uuid not null, profile text not null, list_vintage text not null,
        opens_on date not null, visits_until date not null""",
}

#: (index name, table, what follows `create index name on table`); unique ones say so.
_INDEXES: Final = (
    ("fact_key", "fact", "unique", "(ent, cause)"),
    ("fact_kin", "fact", "", "(ent, parent) where type in (17, 18)"),
    ("delta_ent", "delta", "", "(ent, known_at)"),
    ("delta_known", "delta", "", "(known_at)"),
    (
        "delta_month_key", "delta_month", "unique",
        "(campaign, month, kind, institution, county) nulls not distinct",
    ),
    ("enterprise_key", "enterprise", "unique", "(ent)"),
    ("institution_key", "institution", "unique", "(institution)"),
    ("outlet_key", "outlet", "unique", "(outlet)"),
    ("campaign_key", "campaign", "unique", "(campaign)"),
)  # fmt: skip

#: How far each partition was read, for the answer's version and for the lag; counts every batch.
_PULSE: Final = """
create table pulse (topic text not null, part smallint not null, known_at timestamptz not null,
    turns bigint not null default 1, lag_ms bigint not null default 0, primary key (topic, part))
"""

_BULLETIN: Final = """
create table bulletin (bulletin_id uuid primary key, campaign uuid not null, quarter text not null,
    edition int not null, known_at timestamptz not null, content bytea not null,
    sha256 text not null, created_at timestamptz not null, created_by text not null,
    unique (campaign, quarter, edition));
create function bulletin_stays() returns trigger language plpgsql as
    'begin raise exception ''a published bulletin never changes (ST-06)''; end';
create trigger bulletin_stays before update or delete on bulletin
    for each row execute function bulletin_stays();
"""


def create_table(table: str, suffix: str = "") -> str:
    """The statement that makes a table, under its name and a suffix, without indexes."""
    return f"create table {table}{suffix} ({_TABLES[table]})"


def create_indexes(table: str, suffix: str = "") -> list[str]:
    """The statements that make a table's indexes."""
    return [
        f"create {unique} index {name}{suffix} on {table}{suffix} {columns}"
        for name, owner, unique, columns in _INDEXES
        if owner == table
    ]


def swap(table: str) -> list[str]:
    """The statements that put `<table>_new` with its indexes in the place of the table."""
    names = [name for name, owner, *_ in _INDEXES if owner == table]
    return [
        f"drop table {table}",
        f"alter table {table}_new rename to {table}",
        *(f"alter index {name}_new rename to {name}" for name in names),
        f"alter table {table} reset (autovacuum_enabled)",
    ]


def everything() -> list[str]:
    """The scripts of the first migration."""
    scripts = [_PULSE, _BULLETIN]
    for table in REBUILT:
        scripts += [create_table(table), *create_indexes(table)]
    return scripts
