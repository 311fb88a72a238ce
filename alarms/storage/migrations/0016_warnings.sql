-- depends: 0015_webhooks
-- Warnings 预警 beside alarms: one row each; their rows of the journal have `kind` = 'warning'.

create table warning (
    id text primary key,
    rev integer not null,
    stage text not null,
    level smallint not null,
    region text not null,
    enterprise text,
    source text,
    simulated boolean not null,
    t_proposed timestamptz not null,
    t_lifted timestamptz,
    record jsonb not null
);
create unique index warning_one_open on warning (enterprise, source) where t_lifted is null;
create index warning_open on warning (level desc, t_proposed desc) where t_lifted is null;
create index warning_proposed on warning (t_proposed desc, id desc);

-- What alarms have asked for already: whatever became of that warning, they do not ask it again.
create table warning_told (
    alarm_id text primary key,
    raises integer not null,
    level smallint not null
);
comment on column warning_told.raises is 'how often the alarm had been raised again by then';

create table warning_table (
    region text primary key references region (code),
    content jsonb not null,
    changed_at timestamptz not null
);
comment on table warning_table is 'which alarms ask for a warning, in place of the shipped table';
comment on column journal.alarm_id is 'an alarm, or a warning where kind is warning';
