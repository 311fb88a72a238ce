-- depends: 0013_rollups
-- Proof that the journal is what was written: where its chain begins, and a signed head of each day.

alter table journal_head
    add column anchor_offset bigint,
    add column anchor_hash bytea;
update journal_head set anchor_offset = log_offset, anchor_hash = hash;
alter table journal_head
    alter column anchor_offset set not null,
    alter column anchor_offset set default 0,
    alter column anchor_hash set not null,
    alter column anchor_hash set default '\x';
comment on column journal_head.anchor_hash is
    'the hash of row anchor_offset, after which the chain can be checked: rows before it have left';

create table journal_seal (
    day date primary key,
    epoch text not null,
    log_offset bigint not null,
    hash bytea not null,
    sealed_at timestamptz not null,
    key bytea not null,
    signature bytea not null
);
comment on table journal_seal is 'the journal''s head once a day, signed (Ed25519); hand them out';
