-- depends: 0008_packs
-- What the engine learned from readings, in parts (alarms.memory). It follows from the readings alone:
-- a part that is lost or of an older layout costs time at a start and nothing else.

create table engine_memory (
    family text not null,
    chunk integer not null,
    shape text not null,
    ids bytea not null,
    heard bytea not null,
    records bytea not null,
    saved_at timestamptz not null,
    primary key (family, chunk)
);
alter table engine_memory
    alter column ids set storage external,
    alter column heard set storage external,
    alter column records set storage external;
comment on column engine_memory.ids is 'database ids of points, int32 little-endian';
comment on column engine_memory.heard is 'newest reading each record holds, Micros, int64 little-endian';

-- A start reads what was stored since the parts: by time, over all points.
create index reading_ts on reading using brin (ts) with (pages_per_range = 32, autosummarize = on);
