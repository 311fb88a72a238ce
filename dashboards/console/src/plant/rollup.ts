/** Alarms rolled up over a place: worst unacknowledged tier, counts, and health kept apart from alarms. */
import { computed } from 'vue'
import { TIERS, type Alarm, type Gateway, type Tier } from '../contract'
import { inArea, type Area } from '../alarms/filter'
import { isHidden, isUnacked } from '../alarms/order'
import { alarms } from '../alarms/store'
import { plant, region, enterprise, type Place } from './directory'

export interface Rollup {
  worst: Tier | null
  unacked: Record<Tier, number>
  /** Open and shown, acknowledged or not. */
  open: number
  /** Points whose instrument speaks badly: open `sensor` alarms. */
  bad: number
  /** Points and gateways that are silent: open `comms` alarms. */
  silent: number
  offline: number
  gateways: number
}

export function emptyRollup(): Rollup {
  return { worst: null, unacked: { red: 0, orange: 0, yellow: 0, blue: 0 }, open: 0, bad: 0, silent: 0, offline: 0, gateways: 0 }
}

/** Roll up everything at once: each alarm is counted on every place above it. */
export function rollups(open: Alarm[], gateways: Gateway[], ancestors: (thing: { region: string | null; enterprise: string | null; source: string | null; unit: string | null }) => string[]): Map<string, Rollup> {
  const found = new Map<string, Rollup>()
  const at = (key: string): Rollup => {
    let rollup = found.get(key)
    if (!rollup) found.set(key, (rollup = emptyRollup()))
    return rollup
  }
  for (const alarm of open) {
    for (const key of ancestors(alarm)) {
      const rollup = at(key)
      if (!isHidden(alarm)) rollup.open += 1
      if (alarm.active && alarm.kind === 'sensor') rollup.bad += 1
      if (alarm.active && alarm.kind === 'comms') rollup.silent += 1
      if (isUnacked(alarm)) rollup.unacked[alarm.tier] += 1
    }
  }
  for (const gateway of gateways) {
    const owner = enterprise(gateway.enterprise)
    const place = { region: owner?.region ?? null, enterprise: gateway.enterprise, source: null, unit: null }
    for (const key of ancestors(place)) {
      at(key).gateways += 1
      if (gateway.state === 'offline') at(key).offline += 1
    }
  }
  for (const rollup of found.values()) rollup.worst = TIERS.find((tier) => rollup.unacked[tier] > 0) ?? null
  return found
}

/** The keys of all places a thing lies in, from the province down. */
export function ancestorKeys(thing: { region: string | null; enterprise: string | null; source: string | null; unit: string | null }): string[] {
  const keys: string[] = []
  let code = thing.region
  for (let depth = 0; code !== null && depth < 8; depth += 1) {
    keys.push(code)
    const parent: string | null = region(code)?.parent ?? null
    code = parent === code ? null : parent
  }
  let key = thing.region ?? ''
  for (const part of [thing.enterprise, thing.source, thing.unit]) {
    if (part === null || thing.region === null) break
    key += `/${part}`
    keys.push(key)
  }
  return keys
}

export const allRollups = computed(() => rollups(alarms.open.value, plant.gateways, ancestorKeys))

export function rollupOf(key: string): Rollup {
  return allRollups.value.get(key) ?? emptyRollup()
}

/** Whether anything at or below this place, or holding it, is a simulation. */
export function anySimulated(area: Area | null): boolean {
  return plant.enterprises.some((entry) => {
    if (!entry.simulated) return false
    if (area?.enterprise !== undefined) return entry.code === area.enterprise
    return inArea({ region: entry.region }, area)
  })
}

export function worstFirst(places: Place[]): Place[] {
  const rank = (place: Place): number => {
    const { worst } = rollupOf(place.key)
    return worst === null ? TIERS.length : TIERS.indexOf(worst)
  }
  return [...places].sort((a, b) => rank(a) - rank(b) || (a.key < b.key ? -1 : 1))
}
