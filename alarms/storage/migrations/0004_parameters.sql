-- depends: 0003_latch
-- What an engineer sets of a point's detectors beside limits and delays.

alter table point
    add column params jsonb not null default '{}';
