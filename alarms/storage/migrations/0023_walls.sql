-- depends: 0022_ahead
-- The second wall: who reads as fengsui_scoped (alarms/storage/walls.py) sees only the rows of the scope that
-- the transaction names, and none where it names none. The owner and other roles see what they saw before.

create function journal_floor() returns bigint language sql stable security definer
    set search_path from current
    as 'select coalesce(min(log_offset), 1) from journal';
comment on function journal_floor() is 'the oldest row still kept, whoever asks: it tells nothing of the row';

create function region_prefix(code text) returns text language sql immutable
    as $$select case when code ~ '^[0-9]{6}$' then regexp_replace(code, '(0000|00)$', '') else code end$$;
comment on function region_prefix(text) is 'a code cut at its level, as alarms.plant.prefix_of cuts it';

do $$
declare
    -- In sub-selects these are worked out once a query, not once a row. An empty setting is one that was
    -- set in an earlier transaction: it must not pass for the prefix of everything. `is not null` the planner
    -- takes for nearly always true, so that what a query's own conditions leave is what it reckons with.
    everything constant text :=
        $q$(select 1 where current_user <> 'fengsui_scoped' or current_setting('fengsui.scope', true) = 'all')
           is not null$q$;
    region constant text := $q$(select nullif(current_setting('fengsui.region', true), ''))$q$;
    enterprise constant text := $q$(select nullif(current_setting('fengsui.enterprise', true), ''))$q$;
    -- A warning that is issued over an area is meant for all that lies in it; {place} is where a scope lies.
    place constant text := $q$(select coalesce(nullif(current_setting('fengsui.region', true), ''),
        (select e.region from enterprise e where e.code = current_setting('fengsui.enterprise', true))))$q$;
    rule record;
begin
    for rule in
        select * from (values
            ('alarm', 'region ^@ {region} or enterprise = {enterprise}'),
            ('journal', 'region ^@ {region} or enterprise = {enterprise} or kind = ''warning'' and enterprise '
                        'is null and {place} ^@ region_prefix(region) and data::json ->> ''published_at'' is not null'),
            ('warning', 'region ^@ {region} or enterprise = {enterprise} or enterprise is null '
                        'and {place} ^@ region_prefix(region) and record ->> ''published_at'' is not null'),
            ('reject', 'region ^@ {region} or enterprise = {enterprise}'),
            ('notification', 'region ^@ {region} or enterprise = {enterprise}'),
            ('channel', 'region ^@ {region} or enterprise = {enterprise}'),
            ('webhook', 'region ^@ {region} or enterprise = {enterprise}'),
            ('relay', 'region ^@ {region}'),
            ('roster', 'region ^@ {region} or '
                       'exists (select from enterprise e where e.code = roster.enterprise)'),
            ('enterprise', 'region ^@ {region} or code = {enterprise}'),
            ('source', 'exists (select from enterprise e where e.id = enterprise_id)'),
            ('unit', 'exists (select from source s where s.id = source_id)'),
            ('point', 'exists (select from enterprise e where e.id = enterprise_id)'),
            ('gateway', 'exists (select from enterprise e where e.id = enterprise_id)'),
            ('gateway_certificate', 'exists (select from gateway g where g.id = gateway_id)'),
            ('gateway_minute', 'exists (select from gateway g where g.id = gateway_id)'),
            ('gateway_hour', 'exists (select from gateway g where g.id = gateway_id)'),
            ('pending_action', 'exists (select from alarm a where a.id = alarm_id)'),
            ('webhook_dead', 'exists (select from webhook w where w.id = webhook_id)'),
            ('relay_refusal', 'exists (select from relay r where r.id = relay_id)'),
            -- A region's table holds for everything below it, and is seen there.
            ('warning_table', 'region_prefix(region) ^@ {region} or {region} ^@ region_prefix(region)'),
            ('notification_table', 'region_prefix(region) ^@ {region} or {region} ^@ region_prefix(region)'),
            ('relay_origin', 'false'),
            ('relay_origin_refusal', 'false'),
            ('relay_command', 'false'),
            ('audit_trail', 'false')
        ) as rule (name, covered)
    loop
        execute format('create policy scope on %I using (%s or %s)', rule.name, everything,
                       replace(replace(replace(rule.covered, '{region}', region), '{enterprise}', enterprise),
                               '{place}', place));
        execute format('alter table %I enable row level security', rule.name);
    end loop;
end
$$;
