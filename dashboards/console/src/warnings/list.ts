/** The order and the filter of the warning list: what waits for the reader, then the gravest, then the newest. */
import { TIERS, type EarlyWarning, type Tier } from '../contract'
import { enterprise, region, source } from '../plant/directory'

/** Since when the warning stands, or waits for its issue. */
export function since(warning: EarlyWarning): string {
  return warning.published_at ?? warning.t_proposed
}

export function ordered(warnings: readonly EarlyWarning[], waits: (warning: EarlyWarning) => boolean): EarlyWarning[] {
  return [...warnings].sort(
    (a, b) =>
      Number(waits(b)) - Number(waits(a)) ||
      TIERS.indexOf(a.level) - TIERS.indexOf(b.level) ||
      (since(a) < since(b) ? 1 : since(a) > since(b) ? -1 : a.id < b.id ? 1 : -1),
  )
}

export function ofLevels(warnings: EarlyWarning[], levels: ReadonlySet<Tier>): EarlyWarning[] {
  return levels.size === 0 ? warnings : warnings.filter(({ level }) => levels.has(level))
}

/** What is warned of: a source by name, or an area. */
export function subjectOf(warning: EarlyWarning): string {
  return source(warning.enterprise, warning.source)?.name ?? (warning.name || warning.source || warning.region)
}

export function placeOfWarning(warning: EarlyWarning): string {
  const county = region(warning.region)?.name ?? warning.region
  return warning.enterprise === null ? county : `${county} / ${enterprise(warning.enterprise)?.name ?? warning.enterprise}`
}
