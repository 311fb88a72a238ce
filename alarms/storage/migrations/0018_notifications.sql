-- depends: 0017_relays
-- Who is told of what by which channel: the means, the rosters, the tables, and each notification.

create table channel (
    name text primary key,
    kind text not null check (kind in ('smtp', 'webhook', 'dingtalk', 'wecom', 'feishu')),
    url text not null,
    secret text,
    account text,
    sender text,
    language text not null check (language in ('zh', 'en')),
    template jsonb,
    scope text not null,
    region text,
    enterprise text,
    changed_by text not null,
    changed_at timestamptz not null
);
comment on column channel.secret is 'a password or a key to sign with; no door shows it again';
comment on column channel.region is 'the scope resolved: a prefix, null where it is not a region';

create table roster (
    place text primary key,
    region text,
    enterprise text,
    content jsonb not null,
    changed_at timestamptz not null
);
comment on column roster.place is 'a region''s or an enterprise''s code, or all: the server''s own';
comment on column roster.region is 'the region''s prefix; an enterprise has its own';

create table notification_table (
    region text primary key references region (code),
    content jsonb not null,
    changed_at timestamptz not null
);
comment on table notification_table is 'who is told, in place of rows of the shipped table';

-- What happened before this table was made is told to nobody.
create table notification_cursor (
    singleton boolean primary key default true check (singleton),
    log_offset bigint not null
);
insert into notification_cursor (log_offset) select log_offset from journal_head;

-- Outbox and record in one: written with the cursor in one transaction, then sent.
create table notification (
    id bigint generated always as identity primary key,
    log_offset bigint not null,
    alarm_id text not null,
    rev integer not null,
    kind text not null,
    moment text not null,
    tier smallint not null,
    region text,
    enterprise text,
    source text,
    simulated boolean not null,
    target text not null,
    person text,
    channel text,
    address text not null default '',
    note text not null default '',
    words jsonb not null,
    state text not null
        check (state in ('queued', 'sent', 'joined', 'failed', 'nobody', 'stale')),
    joined_to bigint,
    attempts integer not null default 0,
    answer text,
    planned_at timestamptz not null,
    due_at timestamptz not null,
    until timestamptz not null,
    ended_at timestamptz
);
create unique index notification_once on notification (log_offset, coalesce(channel, ''), address);
create index notification_queued on notification (channel, due_at) where state = 'queued';
create index notification_alarm on notification (alarm_id, id);
create index notification_planned on notification (planned_at);
comment on column notification.alarm_id is 'an alarm, or a warning where kind is warning';
comment on column notification.joined_to is 'the notification whose message told this one too';
comment on column notification.until is 'the last attempt is made before then';
