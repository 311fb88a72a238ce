-- depends: 0009_memory
-- Sparkplug edge nodes: where their sessions stand, and what their births named. Written in the
-- transaction of the readings, so that a restart goes on where the record stands.

create table edge_node (
    gateway text primary key references gateway (id) on delete cascade,
    group_id text not null,
    phase text not null,
    bd_seq smallint,
    seq smallint not null,
    counted bigint not null,
    missing smallint[] not null,
    born_stamp bigint not null,
    newest_stamp bigint not null,
    born_at timestamptz not null,
    heard_at timestamptz not null,
    rebirth_at timestamptz
);
comment on column edge_node.born_stamp is 'payload timestamp of the birth, ms, 0 where it gave none';

create table edge_birth (
    gateway text not null references gateway (id) on delete cascade,
    device text not null,
    alive boolean not null,
    changed_at timestamptz not null,
    metrics bytea not null,
    primary key (gateway, device)
);
comment on column edge_birth.device is 'empty for the edge node itself';
comment on column edge_birth.metrics is 'MessagePack: an array of [name, alias, datatype]';
