-- The record: plant, readings, alarms, journal, accounts. One schema for all TimescaleDB editions.

create table plant_revision (
    singleton boolean primary key default true check (singleton),
    revision bigint not null,
    changed_at timestamptz not null
);
insert into plant_revision (revision, changed_at) values (0, now());

create table region (
    code text primary key,
    name text not null,
    parent text references region deferrable initially deferred,
    kind text not null check (kind in ('province', 'city', 'county', 'park', 'zone')),
    builtin boolean not null default false
);
create index region_parent on region (parent);

create table enterprise (
    id integer generated always as identity primary key,
    code text not null unique,
    name text not null,
    region text not null references region,
    uscc text,
    simulated boolean not null default false
);
create index enterprise_region on enterprise (region text_pattern_ops);

create table source (
    id integer generated always as identity primary key,
    enterprise_id integer not null references enterprise,
    code text not null,
    name text not null,
    kind text not null,
    latitude double precision,
    longitude double precision,
    chemicals jsonb not null default '[]',
    exposed_population integer,
    responsible jsonb not null default '[]',
    s double precision,
    r double precision,
    level smallint,
    unique (enterprise_id, code)
);
comment on column source.r is 'grading index R of GB 18218-2018, equation 2';

create table unit (
    id integer generated always as identity primary key,
    source_id integer not null references source,
    code text not null,
    name text not null,
    kind text not null,
    unique (source_id, code)
);

create table gateway (
    id text primary key check (id ~ '^[A-Za-z0-9_-]{1,64}$'),
    enterprise_id integer not null references enterprise,
    credential text,
    revoked_at timestamptz,
    state text not null default 'unknown' check (state in ('unknown', 'online', 'offline')),
    state_at timestamptz,
    last_seen_at timestamptz,
    clock_error_s double precision,
    last_seq bigint,
    messages bigint not null default 0,
    accepted bigint not null default 0,
    rejected bigint not null default 0,
    lost bigint not null default 0
);
comment on column gateway.credential is 'argon2id hash; null until `fengsui gateway create`';
comment on column gateway.clock_error_s is 'gateway clock minus server clock at the newest message';

create table point (
    id integer generated always as identity primary key,
    enterprise_id integer not null references enterprise,
    unit_id integer not null references unit,
    tag text not null,
    name text not null default '',
    quantity text not null,
    engineering_unit text not null,
    range_low double precision,
    range_high double precision,
    period_s double precision,
    limits jsonb not null default '{}',
    deadband double precision not null default 0,
    on_delay_s double precision,
    off_delay_s double precision,
    tiers jsonb not null default '{}',
    detect jsonb,
    gateway_id text references gateway,
    substance text,
    sector text,
    registered_at timestamptz not null,
    unique (enterprise_id, tag)
);
create index point_unit on point (unit_id);

-- A reading is one (point, ts). Only the one ingest process writes here, and only what is newer than
-- the point's last or was looked for first: uniqueness is the writer's law, checked by tests.
create table reading_columns (
    ts timestamptz not null,
    received timestamptz not null,
    value double precision not null,
    point_id integer not null,
    quality smallint not null
);
do $$
begin
    if exists (select from pg_extension where extname = 'timescaledb') then
        create table reading (like reading_columns including all);
        perform create_hypertable('reading', by_range('ts', interval '1 day'),
                                  create_default_indexes => false);
    else
        create table reading (like reading_columns including all) partition by range (ts);
    end if;
end
$$;
drop table reading_columns;
create index reading_point_ts on reading (point_id, ts desc);
create index reading_received on reading using brin (received)
    with (pages_per_range = 32, autosummarize = on);

-- Readings whose own stamp lay in the future: stored at receipt, known by their own stamp.
create table reading_corrected (
    point_id integer not null references point,
    stamp timestamptz not null,
    ts timestamptz not null,
    primary key (point_id, stamp)
);

-- A second value for a (point, ts): the first stays, the second is kept here.
create table reading_conflict (
    id bigint generated always as identity primary key,
    point_id integer not null references point,
    ts timestamptz not null,
    received timestamptz not null,
    value double precision not null,
    quality smallint not null
);

create table reject (
    id bigint generated always as identity primary key,
    received timestamptz not null,
    gateway text not null,
    enterprise text,
    region text,
    reason text not null,
    tag text,
    count integer not null,
    first jsonb,
    payload bytea
);
create index reject_received on reject (received);
create index reject_gateway on reject (gateway, received);
comment on column reject.payload is 'first 4 KiB of the message as it came';

-- What the engine must know again after a crash: running delays and standing verdicts.
create table alarm_state (
    key text not null,
    rule text not null,
    process jsonb not null,
    primary key (key, rule)
);

-- One row an occurrence. `record` is the alarm whole; the columns beside it serve filters.
create table alarm (
    id text primary key,
    key text not null,
    rule text not null,
    rev integer not null,
    region text,
    enterprise text,
    source text,
    unit text,
    point text,
    kind text not null,
    tier smallint not null,
    state text not null,
    active boolean not null,
    simulated boolean not null,
    shelved_until timestamptz,
    t_raised timestamptz not null,
    t_closed timestamptz,
    record jsonb not null
);
create unique index alarm_one_open on alarm (key, rule) where t_closed is null;
create index alarm_open on alarm (tier desc, t_raised desc) where t_closed is null;
create index alarm_shelved on alarm (shelved_until) where shelved_until is not null;
create index alarm_raised on alarm (t_raised desc, id desc);
create index alarm_region on alarm (region text_pattern_ops, t_raised desc);
create index alarm_enterprise on alarm (enterprise, t_raised desc);
create index alarm_key on alarm (key, rule, t_raised desc);

create table journal_head (
    singleton boolean primary key default true check (singleton),
    epoch text not null,
    log_offset bigint not null,
    hash bytea not null
);
insert into journal_head (epoch, log_offset, hash)
values (replace(gen_random_uuid()::text, '-', ''), 0, '\x');

-- Append-only; `log_offset` is given in commit order under the head's row lock. This is the push log.
create table journal (
    log_offset bigint primary key,
    alarm_id text not null,
    rev integer not null,
    type text not null,
    kind text not null,
    tier smallint not null,
    region text,
    enterprise text,
    source text,
    t_event timestamptz not null,
    t_received timestamptz not null,
    t_committed timestamptz not null,
    actor text not null default '',
    org_level text,
    note text not null default '',
    data text not null,
    hash bytea not null,
    unique (alarm_id, rev)
);
comment on column journal.data is 'the alarm after this row, JSON of the push contract, as sent';
comment on column journal.hash is 'SHA-256 over the previous row''s hash and this row';

-- Shelving red, or lifting it, waits for a second person.
create table pending_action (
    alarm_id text not null references alarm,
    action text not null,
    actor text not null,
    until timestamptz,
    note text not null default '',
    asked_at timestamptz not null,
    primary key (alarm_id, action)
);

create table idempotency (
    actor text not null,
    key text not null,
    request_hash bytea not null,
    status smallint not null,
    body text not null,
    created_at timestamptz not null,
    primary key (actor, key)
);

create table person (
    name text primary key,
    password_hash text not null,
    scope text not null,
    role text not null,
    disabled boolean not null default false,
    created_at timestamptz not null
);

create table person_session (
    token_hash bytea primary key,
    person text not null references person,
    created_at timestamptz not null,
    expires_at timestamptz not null
);

create table token (
    id integer generated always as identity primary key,
    name text not null unique,
    token_hash bytea not null unique,
    scope text not null,
    role text not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz
);

create table consumer (
    owner text not null,
    name text not null,
    log_offset bigint not null,
    updated_at timestamptz not null,
    primary key (owner, name)
);

-- Written by a service while it works, so that others can tell that it does.
create table service_heartbeat (
    service text primary key,
    at timestamptz not null
);

create table audit_trail (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    actor text not null,
    action text not null,
    object text not null,
    before jsonb,
    after jsonb
);
create index audit_trail_at on audit_trail (at);
