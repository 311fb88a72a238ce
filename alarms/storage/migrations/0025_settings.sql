-- depends: 0024_tiers_of_kinds
-- A hash of all that a point is but its names, place and gateway: a start reads equal settings once.
-- Its seed is drawn for each database: nobody can choose settings that look like another point's.

do $$
begin
    execute format(
        $column$
        alter table point add column settings_hash bigint not null
            generated always as (
                hash_record_extended(
                    row(quantity, engineering_unit, range_low, range_high, period_s, limits,
                        deadband, on_delay_s, off_delay_s, tiers, detect, substance, sector,
                        latching, needs_closeout, params, compute, suppress),
                    %s)
            ) stored
        $column$,
        hashtextextended(gen_random_uuid()::text, 0)
    );
end
$$;
