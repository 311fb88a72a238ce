-- depends: 0019_rights
-- What of a gateway was stamped too far ahead: how many readings, and the newest stamp of the last.

alter table gateway
    add column corrected bigint not null default 0,
    add column corrected_stamp timestamptz,
    add column corrected_at timestamptz;
comment on column gateway.corrected is 'readings judged at receipt because their stamp lay ahead';
comment on column gateway.corrected_at is 'when the message with corrected_stamp was received';
