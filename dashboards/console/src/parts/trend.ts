/** From reading rows to chart columns: raw values, or a mean with its extremes. */
import type { ReadingRows } from '../contract'
import { isUntrusted, qualityName } from '../plant/values'

export const RANGES = { '1h': 3_600_000, '8h': 8 * 3_600_000, '24h': 24 * 3_600_000, '7d': 7 * 24 * 3_600_000 } as const
export type RangeName = keyof typeof RANGES

export interface Columns {
  /** Seconds since 1970. */
  time: number[]
  value: Array<number | null>
  low: Array<number | null>
  high: Array<number | null>
}

/** A gap longer than this many expected steps is drawn as a gap. */
const GAP_STEPS = 5
const STEP_S = { raw: 0, '1m': 60, '1h': 3600, '1d': 86400 } as const

export function columns(answer: ReadingRows, periodS: number): Columns {
  const made: Columns = { time: [], value: [], low: [], high: [] }
  const raw = answer.resolution === 'raw'
  const step = Math.max(STEP_S[answer.resolution] ?? 0, periodS, 1)
  for (const row of answer.rows) {
    const time = Number(row[0]) / 1000
    const last = made.time[made.time.length - 1]
    if (last !== undefined && time - last > GAP_STEPS * step) push(made, last + step, null, null, null)
    if (raw) push(made, time, isUntrusted(qualityName(row[2])) ? null : numeric(row[1]), null, null)
    else push(made, time, numeric(row[3]), numeric(row[1]), numeric(row[2]))
  }
  return made
}

/** Append a live value and let go of what has left the window. */
export function append(to: Columns, time: number, value: number | null, from: number): void {
  const last = to.time[to.time.length - 1]
  if (last !== undefined && time <= last) return
  push(to, time, value, null, null)
  let gone = 0
  while (gone < to.time.length - 2 && (to.time[gone] as number) < from) gone += 1
  if (gone > 0) for (const column of [to.time, to.value, to.low, to.high]) column.splice(0, gone)
}

/** The vertical range: all values and the limits near them, with air. */
export function verticalRange(values: Array<number | null>, limits: number[]): [number, number] {
  const present = values.filter((value): value is number => value !== null)
  const all = [...present, ...limits]
  if (all.length === 0) return [0, 1]
  const [low, high] = [Math.min(...all), Math.max(...all)]
  const air = (high - low || Math.abs(high) || 1) * 0.08
  return [low - air, high + air]
}

function push(to: Columns, time: number, value: number | null, low: number | null, high: number | null): void {
  to.time.push(time)
  to.value.push(value)
  to.low.push(low)
  to.high.push(high)
}

function numeric(value: number | string | null | undefined): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}
