/** The staleness clock: from the time of the last frame to what the operator is told, and when to reconnect. */

export type LinkState = 'connecting' | 'live' | 'late' | 'lost' | 'syncing'

export const LATE_AFTER_MS = 3_000
export const LOST_AFTER_MS = 10_000
/** A socket that stays silent this long is torn down: a half-open connection never closes by itself. */
export const GIVE_UP_AFTER_MS = 12_000
const FIRST_DELAY_MS = 500
const LONGEST_DELAY_MS = 15_000

export interface LinkFacts {
  open: boolean
  synced: boolean
  /** When the last frame came, in the page's clock; null before the first. */
  heard: number | null
  /** Whether a snapshot was ever shown. */
  everSynced: boolean
}

export function linkState(facts: LinkFacts, now: number): LinkState {
  if (!facts.everSynced) return 'connecting'
  const age = facts.heard === null ? Infinity : now - facts.heard
  if (!facts.open || age > LOST_AFTER_MS) return 'lost'
  if (!facts.synced) return 'syncing'
  return age > LATE_AFTER_MS ? 'late' : 'live'
}

/** Delay before reconnection attempt n (0, 1, …): 0.5 s · 2ⁿ up to 15 s, the upper half of it by chance. */
export function reconnectDelay(attempt: number, chance: number): number {
  const full = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt)
  return full / 2 + (full / 2) * chance
}
