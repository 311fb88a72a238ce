-- depends: 0011_dialects
-- Gateway life: since when a credential holds, certificates, and what came minute by minute.

alter table gateway add column credential_at timestamptz;
comment on column gateway.credential_at is 'when the credential in force was given; null: before 0012';

create table gateway_certificate (
    serial text primary key,
    gateway_id text not null references gateway,
    fingerprint text not null,
    not_before timestamptz not null,
    not_after timestamptz not null,
    issued_by text not null,
    revoked_at timestamptz
);
create index gateway_certificate_gateway on gateway_certificate (gateway_id);
comment on column gateway_certificate.serial is 'hexadecimal, of our own authority';
comment on column gateway_certificate.fingerprint is 'SHA-256 of the certificate, hexadecimal';

-- By minute for a day, then by hour; `at` is where the span begins. Errors of the clock are seconds,
-- gateway minus server: the newest of the span, its lowest and its highest; null where none was heard.
create table gateway_minute (
    gateway_id text not null references gateway,
    at timestamptz not null,
    messages integer not null,
    accepted integer not null,
    rejected integer not null,
    lost integer not null,
    clock_error_s real,
    clock_low_s real,
    clock_high_s real,
    primary key (gateway_id, at)
) with (fillfactor = 80);
create index gateway_minute_at on gateway_minute (at);

create table gateway_hour (like gateway_minute including comments) with (fillfactor = 50);
alter table gateway_hour
    alter column messages type bigint,
    alter column accepted type bigint,
    add primary key (gateway_id, at),
    add foreign key (gateway_id) references gateway;
create index gateway_hour_at on gateway_hour (at);
