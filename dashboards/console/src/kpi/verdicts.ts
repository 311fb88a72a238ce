/** What a figure's published bounds say of it. */
import type { Figures, Target } from '../contract'
import { number } from '../format'

export type Verdict = 'good' | 'manageable' | 'over'
export const VERDICT_SYMBOLS: Record<Verdict, string> = { good: '✓', manageable: '△', over: '✗' }

const SHARES = new Set(['ten_minutes_above_10', 'time_in_flood', 'hours_above_30', 'top_10_share'])

/** The number a bound is for: chattering is judged together with fleeting. */
export function figureOf(figures: Figures, name: string): number {
  if (name === 'chattering') return figures.chattering + figures.fleeting
  const found: unknown = figures[name as keyof Figures]
  return typeof found === 'number' ? found : NaN
}

export function verdictOf(value: number, { acceptable, limit }: Pick<Target, 'acceptable' | 'limit'>): Verdict {
  if (value <= acceptable) return 'good'
  return limit !== null && value <= limit ? 'manageable' : 'over'
}

/** A share as a percentage, any other figure as it is; to a tenth, which is all that a verdict needs. */
export function figureText(name: string, value: number): string {
  const tenth = (of: number): string => number(Math.round(of * 10) / 10)
  return SHARES.has(name) ? `${tenth(value * 100)} %` : tenth(value)
}
