-- depends: 0023_walls
-- A region's table of tiers: those of its other kinds of alarms, and of forecasts by the time left.

alter table tiering
    add column kinds    jsonb not null default '{}',
    add column forecast jsonb not null default '{}';
