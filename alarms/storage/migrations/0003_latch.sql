-- depends: 0002_due
-- Points whose limit alarms latch, and those whose limit alarms are closed out with their cause.

alter table point
    add column latching boolean not null default false,
    add column needs_closeout boolean not null default false;
