-- depends: 0010_sparkplug
-- What a gateway writes in, and what its fields and units are among the points.

alter table gateway
    add column dialect text,
    add column mapping jsonb not null default '[]';
comment on column gateway.dialect is 'one of alarms.plant.DIALECTS; null: seen by each message';
comment on column gateway.mapping is 'list of {field, tag, scale, offset, unit}';
