-- depends: 0001_record
-- When an alarm next moves by itself: a suppression runs out, somebody is told, it rings again.

alter table alarm add column due_at timestamptz;
update alarm set due_at = shelved_until where t_closed is null;
drop index alarm_shelved;
alter table alarm drop column shelved_until;
create index alarm_due on alarm (due_at) where due_at is not null and t_closed is null;
