-- depends: 0016_warnings
-- Tower to tower: what this tower passes on to towers above it, and what towers below pass on to it.

create table tower (
    singleton boolean primary key default true check (singleton),
    id text not null,
    name text not null default ''
);
insert into tower (id) values (replace(gen_random_uuid()::text, '-', ''));
comment on column tower.id is 'names this installation for ever: by it a relay in a circle is seen';

create table relay (
    id bigint generated always as identity primary key,
    name text not null,
    url text not null,
    token text not null,
    region text,
    tier_min text,
    escalated_only boolean not null,
    level text not null check (level in ('county', 'city', 'province')),
    created_by text not null,
    created_at timestamptz not null,
    state text not null default 'active' check (state in ('active', 'paused')),
    why text,
    epoch text not null,
    log_offset bigint not null,
    heard_at timestamptz,
    upper_id text,
    upper_name text,
    resend boolean not null default true,
    command_epoch text,
    command_number bigint not null default 0,
    unique nulls not distinct (region, name)
);
create unique index relay_upper on relay (upper_id);
comment on column relay.token is 'opens the tower above; it must be there to be sent, and no door shows it again';
comment on column relay.level is 'the level of government the tower above acts for';
comment on column relay.log_offset is 'the tower above has committed, or refused, all that is for it up to here';
comment on column relay.command_number is 'the last of its commands that was carried out, within command_epoch';

create table relay_refusal (
    relay_id bigint not null references relay on delete cascade,
    log_offset bigint not null,
    at timestamptz not null,
    alarm_id text not null,
    rev integer not null,
    code text not null,
    error text not null,
    primary key (relay_id, log_offset)
);
comment on table relay_refusal is 'what a tower above would not take, by name';

create table relay_origin (
    tower text primary key,
    name text not null,
    token text,
    epoch text not null,
    log_offset bigint not null,
    head bigint not null,
    heard_at timestamptz not null,
    taken bigint not null default 0
);
comment on table relay_origin is 'towers that report here, and how far each one''s journal was taken';
comment on column relay_origin.token is 'the name of the token it came with; no other may speak for it';

create table relay_origin_refusal (
    tower text not null references relay_origin on delete cascade,
    log_offset bigint not null,
    at timestamptz not null,
    alarm_id text not null,
    rev integer not null,
    code text not null,
    error text not null,
    primary key (tower, log_offset)
);
comment on table relay_origin_refusal is 'what was not taken here; told again to who was gone before it heard';

-- What people here do to alarms of a tower below; carried out there, in this order, once each.
create table relay_command (
    number bigint generated always as identity primary key,
    tower text not null references relay_origin on delete cascade,
    kind text not null check (kind in ('alarm', 'warning')),
    subject text not null,
    action text not null,
    rev integer not null,
    note text not null,
    actor text not null,
    level text,
    asked_at timestamptz not null,
    done_at timestamptz,
    status integer,
    error text
);
create index relay_command_waiting on relay_command (tower, number) where done_at is null;
comment on column relay_command.level is 'given where a tower above this one asked; null: this one''s own';

alter table alarm add column origin text, add column via text;
alter table warning add column origin text, add column via text;
comment on column alarm.origin is 'the tower it lives at; null for this one''s own, which alone are judged here';
comment on column alarm.via is 'the tower below that brought it; what people here do to it goes back there';
create index alarm_origin on alarm (origin) where origin is not null;

drop index warning_one_open;
create unique index warning_one_open on warning (enterprise, source)
    where t_lifted is null and origin is null;
