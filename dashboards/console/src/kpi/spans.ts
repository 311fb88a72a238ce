/** Shift, day and month by the site's clock, and the bars of a span. */

export const SPANS = ['shift', 'day', 'month'] as const
export type SpanName = (typeof SPANS)[number]

/** From and to, ms; `to` of the span that runs is now. */
export interface Span {
  from: number
  to: number
  running: boolean
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** Shifts of eight hours begin at 0, 8 and 16 o'clock. */
const SHIFT = 8 * HOUR
const ZONE = 8 * HOUR
const TEN_MINUTES = 10 * MINUTE
const MOST_BARS = 160

/** The span that lies so many spans back; 0 is the one that runs, up to the last whole minute. */
export function spanOf(name: SpanName, back: number, now: number): Span {
  const [from, end] = name === 'month' ? month(back, now) : even(name === 'shift' ? SHIFT : DAY, back, now)
  const running = end > now
  return { from, to: running ? Math.max(from + MINUTE, now - (now % MINUTE)) : end, running }
}

function even(width: number, back: number, now: number): [number, number] {
  const from = Math.floor((now + ZONE) / width) * width - ZONE - back * width
  return [from, from + width]
}

function month(back: number, now: number): [number, number] {
  const there = new Date(now + ZONE)
  const begin = (further: number): number => Date.UTC(there.getUTCFullYear(), there.getUTCMonth() - back + further) - ZONE
  return [begin(0), begin(1)]
}

export interface Bar {
  at: number
  /** The most alarms in ten minutes within the bar. */
  count: number
}

/** One bar for ten minutes, or for the worst ten minutes of as many as it takes to fit. */
export function barsOf(from: number, counts: readonly number[]): { bars: Bar[]; minutes: number } {
  const each = Math.ceil(counts.length / MOST_BARS)
  const bars: Bar[] = []
  for (let place = 0; place < counts.length; place += each) {
    bars.push({ at: from + place * TEN_MINUTES, count: Math.max(...counts.slice(place, place + each)) })
  }
  return { bars, minutes: 10 * Math.max(1, each) }
}
