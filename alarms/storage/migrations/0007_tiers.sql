-- depends: 0006_expressions
-- A region's table of tiers: what its alarms of a quantity are, and what raises them.

create table tiering (
    region        text  not null references region (code),
    quantity      text  not null,
    limits        jsonb not null,
    source_levels jsonb not null,
    raises        jsonb not null,
    primary key (region, quantity)
);
