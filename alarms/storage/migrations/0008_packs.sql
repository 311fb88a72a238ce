-- depends: 0007_tiers
-- The rule packs that alarms are judged under, as their text stood: a change of them is told apart.

create table rule_pack (
    name text primary key,
    version integer not null,
    content text not null,
    since timestamptz not null
);
