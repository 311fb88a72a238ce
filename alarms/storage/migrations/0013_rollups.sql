-- depends: 0012_gateways
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
    raw_since timestamptz,
    packed_to timestamptz
);
insert into rollup_progress default values;
comment on column rollup_progress.done is 'buckets that end by then are rolled up; null: none yet';
comment on column rollup_progress.packed_to is 'pieces of readings that end by then are packed';
comment on column rollup_progress.raw_since is 'older readings were dropped; their roll-ups stay as they are';

-- Ascending: a point's newest reading then goes right of its last. With value and quality in it a day of a
-- point is a few pages instead of thousands; storage/packing.py fills its pages once a piece is over.
drop index reading_point_ts;
create index reading_point_ts on reading (point_id, ts) include (value, quality);

-- The journal in pieces of a million rows, so that what is past its term leaves without a search. The
-- journal so far is the first piece. Each piece has its own unique (alarm_id, rev): storage/journal.py.
alter table journal rename to journal_0;
alter table journal_0 rename constraint journal_pkey to journal_0_pkey;
alter table journal_0 rename constraint journal_alarm_id_rev_key to journal_0_alarm_id_rev_key;
create table journal (like journal_0 including defaults including comments) partition by range (log_offset);
alter table journal add primary key (log_offset);
do $$
declare
    next bigint := (select log_offset / 1000000 + 1 from journal_head);
begin
    execute format('alter table journal attach partition journal_0 for values from (minvalue) to (%s)',
                   next * 1000000);
    execute format('create table journal_%s (like journal including defaults, unique (alarm_id, rev))', next);
    execute format('alter table journal attach partition journal_%s for values from (%s) to (%s)',
                   next, next * 1000000, (next + 1) * 1000000);
end
$$;

-- The record's own name, by which the broker keeps its messages: a new epoch after a restore must not lose them.
alter table journal_head add column record text;
update journal_head set record = epoch;
alter table journal_head alter column record set not null;
