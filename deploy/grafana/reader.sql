-- A role that may read what the dashboards show, and no account, token or session. Run it again after an update:
--   docker compose exec -T database psql -U fengsui -d fengsui -v password="$GRAFANA_DATABASE_PASSWORD" <deploy/grafana/reader.sql
select 'create role fengsui_reader login' where not exists (select from pg_roles where rolname = 'fengsui_reader')
\gexec
alter role fengsui_reader password :'password';
alter role fengsui_reader set default_transaction_read_only = on;
alter role fengsui_reader set statement_timeout = '30s';
grant select on region, enterprise, source, unit, point, gateway, reading, alarm, journal, reject to fengsui_reader;
