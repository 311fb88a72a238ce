-- depends: 0004_parameters
-- Rules over several points of one enterprise; members are tags, by role.

create table point_group (
    id integer generated always as identity primary key,
    enterprise_id integer not null references enterprise,
    source_id integer not null references source,
    unit_id integer references unit,
    code text not null,
    name text not null,
    kind text not null,
    members jsonb not null,
    params jsonb not null default '{}',
    tier text,
    on_delay_s double precision,
    off_delay_s double precision,
    unique (enterprise_id, code)
);
