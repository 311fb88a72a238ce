-- depends: 0014_seals
-- The push log delivered to addresses: each with a cursor of its own, and what it would not take.

create table webhook (
    id bigint generated always as identity primary key,
    name text not null unique,
    url text not null,
    secret text not null,
    filter jsonb not null,
    scope text not null,
    region text,
    enterprise text,
    created_by text not null,
    created_at timestamptz not null,
    epoch text not null,
    log_offset bigint not null,
    state text not null default 'active' check (state in ('active', 'paused')),
    why text,
    attempts integer not null default 0,
    failing_since timestamptz,
    next_at timestamptz,
    delivered_at timestamptz
);
comment on column webhook.secret is 'signs each delivery; it must be there to sign, and no door shows it again';
comment on column webhook.log_offset is 'everything up to here was delivered or lies in webhook_dead';
comment on column webhook.region is 'the scope resolved: a prefix, null where it is not a region';

create table webhook_dead (
    webhook_id bigint not null references webhook on delete cascade,
    log_offset bigint not null,
    at timestamptz not null,
    status integer,
    error text not null,
    is_wanted boolean not null default false,
    primary key (webhook_id, log_offset)
);
comment on column webhook_dead.is_wanted is 'somebody asked to have it delivered again';
