-- depends: 0005_groups
-- What a point without an instrument is computed by, and when a point's alarms are suppressed.

alter table point
    add column compute text,
    add column suppress jsonb not null default '{}';
