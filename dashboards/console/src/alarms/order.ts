/** The order of the alarm list: unacknowledged, tier, still active, newest; held while someone reads it. */
import { TIERS, type Alarm } from '../contract'

const RANK = Object.fromEntries(TIERS.map((tier, place) => [tier, place]))

/** What an alarm is called by: its point's tag, or the code of its group or gateway. */
export function tagOf(alarm: Alarm): string {
  return alarm.point ?? alarm.subject ?? alarm.enterprise ?? alarm.rule
}

/** Nobody on site has yet said that they have seen it. */
export function isUnacked(alarm: Alarm): boolean {
  if (alarm.t_closed !== null) return false
  if (alarm.state === 'UNACK' || alarm.state === 'RTNUN') return true
  return alarm.state === 'LATCHED' && alarm.acks.site === null
}

export function isHidden(alarm: Alarm): boolean {
  return alarm.state === 'SHLVD' || alarm.state === 'DSUPR' || alarm.state === 'OOSRV'
}

export function compare(a: Alarm, b: Alarm): number {
  return (
    Number(isUnacked(b)) - Number(isUnacked(a)) ||
    (RANK[a.tier] ?? 9) - (RANK[b.tier] ?? 9) ||
    Number(b.active) - Number(a.active) ||
    (a.t_raised < b.t_raised ? 1 : a.t_raised > b.t_raised ? -1 : 0) ||
    (a.id < b.id ? 1 : a.id > b.id ? -1 : 0)
  )
}

export type SortKey = 'default' | 'tier' | 'state' | 'raised' | 'place' | 'tag'

export function comparator(key: SortKey, place: (alarm: Alarm) => string): (a: Alarm, b: Alarm) => number {
  switch (key) {
    case 'tier':
      return (a, b) => (RANK[a.tier] ?? 9) - (RANK[b.tier] ?? 9) || compare(a, b)
    case 'state':
      return (a, b) => a.state.localeCompare(b.state) || compare(a, b)
    case 'raised':
      return (a, b) => (a.t_raised < b.t_raised ? 1 : a.t_raised > b.t_raised ? -1 : compare(a, b))
    case 'place':
      return (a, b) => place(a).localeCompare(place(b), 'zh-CN') || compare(a, b)
    case 'tag':
      return (a, b) => tagOf(a).localeCompare(tagOf(b)) || compare(a, b)
    default:
      return compare
  }
}

export interface Arrangement {
  ids: string[]
  /** Alarms that came while the order was held and wait outside of it, the worst tier first. */
  waiting: string[]
}

/**
 * Arrange the rows. While held, rows keep their places (a closed one too, so that nothing moves under
 * the pointer) and new alarms wait outside.
 */
export function arrange(
  shown: Alarm[],
  order: (a: Alarm, b: Alarm) => number,
  before: readonly string[],
  held: boolean,
): Arrangement {
  if (!held) {
    const open = shown.filter((alarm) => alarm.t_closed === null)
    return { ids: open.sort(order).map((alarm) => alarm.id), waiting: [] }
  }
  const present = new Map(shown.map((alarm) => [alarm.id, alarm]))
  const ids = before.filter((id) => present.has(id))
  const placed = new Set(ids)
  const waiting = shown.filter((alarm) => !placed.has(alarm.id) && alarm.t_closed === null).sort(order)
  return { ids, waiting: waiting.map((alarm) => alarm.id) }
}
