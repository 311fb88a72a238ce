/** The figures of the alarm system, as `GET /api/v1/kpi` answers them. */
import type { Tier } from '../contract'

export interface Figures {
  annunciated: number
  simulated: number
  per_hour: number
  per_day: number
  per_10_min: number
  most_in_minute: number
  most_in_hour: number
  most_in_10_min: number
  ten_minutes_above_10: number
  hours_above_30: number
  floods: number
  time_in_flood: number
  top_10: Array<{ key: string; rule: string; count: number }>
  top_10_share: number
  chattering: number
  fleeting: number
  stale: number
  tiers: Partial<Record<Tier, number>>
  tier_shares: Partial<Record<Tier, number>>
  acknowledged: Record<string, Taken>
  receipts: Record<string, Taken>
  escalated: number
  realarmed: number
  late: number
  not_good: number
  not_good_share: number
  unconfirmed: number
  /** Raises and rises that nobody heard, by what hid them; in none of the other figures. */
  hidden: { shelved: number; suppressed: number; out_of_service: number }
}

export interface Taken {
  count: number
  p50_s: number
  p95_s: number
}

export interface Target {
  figure: string
  acceptable: number
  limit: number | null
  source: string
  mark: string
}

export interface Performance {
  from: string
  to: string
  points: number
  alarms_per_point_day: number
  overall: Figures
  positions: Array<Figures & { region: string | null }>
  /** The position whose ten-minute counts these are, from `from` on. */
  busiest: string | null
  ten_minutes: number[]
  targets: Target[]
}
