/** The filter of the alarm list as it stands in the address: state, tiers, kind, area, text. */
import { KINDS, TIERS, type Alarm, type Kind, type Tier } from '../contract'
import { isHidden, isUnacked } from './order'

export const STATE_FILTERS = ['all', 'unacked', 'active', 'shelved', 'out_of_service', 'suppressed'] as const
export type StateFilter = (typeof STATE_FILTERS)[number]

export interface AlarmFilter {
  state: StateFilter
  tiers: ReadonlySet<Tier>
  kind: Kind | null
  area: Area | null
  text: string
}

/** A place of the plant: region, then enterprise, source, unit; each deeper part may be absent. */
export interface Area {
  region: string
  enterprise?: string
  source?: string
  unit?: string
}

export function parseArea(text: string | undefined): Area | null {
  const [region, enterprise, source, unit] = (text ?? '').split('/').filter((part) => part !== '')
  return region === undefined ? null : { region, enterprise, source, unit }
}

export function areaPath(area: Area | null): string {
  if (area === null) return ''
  return [area.region, area.enterprise, area.source, area.unit].filter((part) => part !== undefined).join('/')
}

export function parseTiers(text: string | undefined): Set<Tier> {
  const wanted = (text ?? '').split(',')
  return new Set(TIERS.filter((tier) => wanted.includes(tier)))
}

export function parseKind(text: string | undefined): Kind | null {
  return KINDS.find((kind) => kind === text) ?? null
}

export function parseState(text: string | undefined): StateFilter {
  return STATE_FILTERS.find((state) => state === text) ?? 'all'
}

/** Cut a code of GB/T 2260 at its level: 510000 -> 51, 510600 -> 5106. */
export function prefixOf(region: string): string {
  if (!/^\d{6}$/.test(region)) return region
  if (region.endsWith('0000')) return region.slice(0, 2)
  return region.endsWith('00') ? region.slice(0, 4) : region
}

export function inArea(
  thing: { region?: string | null; enterprise?: string | null; source?: string | null; unit?: string | null },
  area: Area | null,
): boolean {
  if (area === null) return true
  if (area.enterprise === undefined) return (thing.region ?? '').startsWith(prefixOf(area.region))
  if (thing.enterprise !== area.enterprise) return false
  if (area.source !== undefined && thing.source !== area.source) return false
  return area.unit === undefined || thing.unit === area.unit
}

/** Tell whether the alarm passes; `words` is the text it is searched by, lower case. */
export function passes(alarm: Alarm, filter: AlarmFilter, words: (alarm: Alarm) => string): boolean {
  if (filter.tiers.size > 0 && !filter.tiers.has(alarm.tier)) return false
  if (filter.kind !== null && alarm.kind !== filter.kind) return false
  if (!passesState(alarm, filter.state) || !inArea(alarm, filter.area)) return false
  return filter.text === '' || words(alarm).includes(filter.text.toLowerCase())
}

function passesState(alarm: Alarm, state: StateFilter): boolean {
  switch (state) {
    case 'all':
      return !isHidden(alarm)
    case 'unacked':
      return isUnacked(alarm)
    case 'active':
      return alarm.active && !isHidden(alarm)
    case 'shelved':
      return alarm.state === 'SHLVD'
    case 'out_of_service':
      return alarm.state === 'OOSRV'
    case 'suppressed':
      return alarm.state === 'DSUPR'
  }
}
