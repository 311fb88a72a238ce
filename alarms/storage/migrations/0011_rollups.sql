-- depends: 0009_memory
-- Roll-ups of what can be believed of a point's readings: a minute, an hour, a day of the site (UTC+8).
-- The same tables in every edition; alarms/storage/rollups.py keeps them.

create table rollup_columns (
    bucket timestamptz not null,
    first_at timestamptz not null,
    sum double precision not null,
    min double precision not null,
    max double precision not null,
    first double precision not null,
    last double precision not null,
    mean double precision not null,
    point_id integer not null,
    count integer not null
);
comment on column rollup_columns.first_at is 'time of the first reading: from there on `mean` counts';
comment on column rollup_columns.mean is
    'weighted by time: each reading holds until the next, the last until the bucket ends';
do $$
declare
    kept record;
begin
    for kept in
        select * from (values ('reading_1m', interval '7 days'),
                              ('reading_1h', interval '90 days'),
                              ('reading_1d', interval '360 days')) as kept (name, chunk)
    loop
        if exists (select from pg_extension where extname = 'timescaledb') then
            execute format('create table %I (like rollup_columns including comments)', kept.name);
            perform create_hypertable(kept.name::regclass, by_range('bucket', kept.chunk),
                                      create_default_indexes => false);
        else
            execute format('create table %I (like rollup_columns including comments) '
                           'partition by range (bucket)', kept.name);
        end if;
        execute format('alter table %I add primary key (point_id, bucket)', kept.name);
    end loop;
end
$$;
drop table rollup_columns;

-- What is to be rolled up: all that was received from `received` on, none of it older than `ts` (both
-- Micros). Ingest writes a row with the readings themselves; once a minute it hands its rows over.
create table rollup_work (
    id bigint generated always as identity primary key,
    received bigint not null,
    ts bigint not null,
    handed_at timestamptz
);
insert into rollup_work (received, ts, handed_at)
select 0, 0, now() where exists (select from reading);

create table rollup_progress (
    singleton boolean primary key default true check (singleton),
    done timestamptz,
    raw_since timestamptz
);
insert into rollup_progress default values;
comment on column rollup_progress.done is 'buckets that end by then are rolled up; null: none yet';
comment on column rollup_progress.raw_since is 'older readings were dropped; their roll-ups stay as they are';
