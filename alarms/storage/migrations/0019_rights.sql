-- depends: 0018_notifications
-- A webhook's name is its scope's own: that a name is taken must tell nobody of a foreign webhook.

alter table webhook drop constraint webhook_name_key, add unique (scope, name);
