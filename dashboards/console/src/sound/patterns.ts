/** The four alarm sounds, that of a warning and the tone of a lost link, as notes; and which of them is due. */
import { TIERS, type Alarm, type Tier } from '../contract'

/** [start s, length s, frequency Hz, loudness 0…1] */
export type Note = readonly [number, number, number, number]
export type Pattern = Tier | 'link' | 'warning'

export const PATTERNS: Record<Pattern, readonly Note[]> = {
  red: [0, 1, 2, 3, 4, 5].map((n) => [n * 0.16, 0.12, n % 2 ? 1046 : 1318, 0.5] as const),
  orange: [0, 1, 2].map((n) => [n * 0.28, 0.2, 880, 0.4] as const),
  yellow: [0, 1].map((n) => [n * 0.4, 0.25, 659, 0.3] as const),
  blue: [[0, 0.3, 523, 0.2]],
  warning: [523, 659, 784, 659].map((frequency, n) => [n * 0.22, 0.2, frequency, 0.35] as const),
  link: [
    [0, 0.35, 392, 0.45],
    [0.4, 0.35, 262, 0.45],
  ],
}

/** Seconds after which a pattern sounds again while its cause stands; 0: once. */
export const REPEAT_S: Record<Pattern, number> = { red: 5, orange: 15, yellow: 0, blue: 0, warning: 30, link: 30 }

/** How long alarms and warnings keep apart, so that neither is taken for the other. */
const APART_MS = 2_000

/** Journal types after which an alarm calls anew; a comment or a quality change does not. */
const CALLING = new Set(['snapshot', 'raised', 'reraised', 'realarmed', 'tier_up', 'late', 'unshelved', 'unacknowledged', 'escalated'])

/** What still calls: unacknowledged, active, not hidden; late history only if it is still over. */
export function calls(alarm: Alarm): boolean {
  return alarm.state === 'UNACK' && alarm.t_closed === null && (!alarm.late || alarm.active)
}

export class Annunciator {
  private silenced = false
  private fresh: Tier | null = null
  private lastPlayed = new Map<Pattern, number>()

  /** An alarm was raised, raised again or went up a tier: silence ends, its tier is due. */
  announce(alarm: Alarm, type: string): void {
    if (!CALLING.has(type) || !calls(alarm)) return
    this.silenced = false
    if (this.fresh === null || TIERS.indexOf(alarm.tier) < TIERS.indexOf(this.fresh)) this.fresh = alarm.tier
  }

  /** A warning came that waits for this person: silence ends, it is due at once. */
  announceWarning(): void {
    this.silenced = false
    this.lastPlayed.delete('warning')
  }

  /** Silence is not acknowledgement: it lasts until the next new alarm. */
  silence(): void {
    this.silenced = true
    this.fresh = null
  }

  get isSilenced(): boolean {
    return this.silenced
  }

  /** Name the one pattern to play now, or null. `worst` is the worst tier that still calls; alarms go before warnings. */
  due(now: number, worst: Tier | null, linkLost: boolean, warningWaits = false): Pattern | null {
    if (linkLost && !this.silenced && this.elapsed('link', now)) return this.play('link', now)
    if (this.silenced) return null
    const fresh = this.fresh
    this.fresh = null
    if (worst !== null && REPEAT_S[worst] > 0 && this.elapsed(worst, now)) return this.play(worst, now)
    if (fresh !== null && worst !== null) return this.play(fresh, now)
    const apart = now - Math.max(-Infinity, ...this.lastPlayed.values()) >= APART_MS
    return warningWaits && apart && this.elapsed('warning', now) ? this.play('warning', now) : null
  }

  private elapsed(pattern: Pattern, now: number): boolean {
    return now - (this.lastPlayed.get(pattern) ?? -Infinity) >= REPEAT_S[pattern] * 1000
  }

  private play(pattern: Pattern, now: number): Pattern {
    this.lastPlayed.set(pattern, now)
    return pattern
  }
}
