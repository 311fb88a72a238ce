/** What a figure's published bounds say of it. */
import type { Tier } from '../contract'
import type { Figures, Target } from './figures'
import { number } from '../format'

export type Verdict = 'met' | 'above' | 'over'
export const VERDICT_SYMBOLS: Record<Verdict, string> = { met: '✓', above: '△', over: '✗' }

const SHARES = new Set(['ten_minutes_above_10', 'time_in_flood', 'hours_above_30', 'top_10_share', 'not_good_share', 'tier_shares'])

/** The number a bound is for: chattering is judged together with fleeting; `tier_shares.red` is the share of red. */
export function figureOf(figures: Figures, name: string): number {
  if (name === 'chattering') return figures.chattering + figures.fleeting
  if (name.startsWith('tier_shares.')) return figures.tier_shares[name.slice(12) as Tier] ?? 0
  const found: unknown = figures[name as keyof Figures]
  return typeof found === 'number' ? found : NaN
}

/** Without a limit, whatever is not acceptable is only above the target: as the server's reports judge. */
export function verdictOf(value: number, { acceptable, limit }: Pick<Target, 'acceptable' | 'limit'>): Verdict {
  if (value <= acceptable) return 'met'
  return limit === null || value <= limit ? 'above' : 'over'
}

/** A share as a percentage, any other figure as it is; to a tenth, which is all that a verdict needs. */
export function figureText(name: string, value: number): string {
  const tenth = (of: number): string => number(Math.round(of * 10) / 10)
  return SHARES.has(name.split('.')[0]!) ? `${tenth(value * 100)} %` : tenth(value)
}
