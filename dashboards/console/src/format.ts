/** Numbers, times and ages as people here read them: site zone, 24 hours, no rounding to zero. */
import { locale } from './i18n'

export const SITE_ZONE = 'Asia/Shanghai'

const parts = new Intl.DateTimeFormat('en-CA', {
  timeZone: SITE_ZONE,
  hourCycle: 'h23',
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
})

function pieces(at: number): Record<string, string> {
  return Object.fromEntries(parts.formatToParts(at).map(({ type, value }) => [type, value]))
}

/** `2026-11-22 14:03:27` in the site's zone; the empty string for no time. */
export function dateTime(at: string | number | null | undefined): string {
  const ms = instant(at)
  if (ms === null) return ''
  const p = pieces(ms)
  return `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}`
}

/** `11-22 14:03:21.4`: what a row of the list has room for. */
export function shortTime(at: string | number | null | undefined): string {
  const ms = instant(at)
  if (ms === null) return ''
  const p = pieces(ms)
  return `${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}.${Math.floor((((ms % 1000) + 1000) % 1000) / 100)}`
}

export function clock(at: string | number | null | undefined): string {
  const ms = instant(at)
  if (ms === null) return ''
  const p = pieces(ms)
  return `${p.hour}:${p.minute}:${p.second}`
}

export function hourMinute(at: string | number | null | undefined): string {
  return clock(at).slice(0, 5)
}

/** `0:38`, `12:05`, `3:07:12`, `2 d 04:10`; the empty string for a time not yet come. */
export function duration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  const two = (n: number): string => String(n).padStart(2, '0')
  const [days, hours, minutes] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60]
  if (days > 0) return `${days} d ${two(hours)}:${two(minutes)}`
  return hours > 0 ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`
}

const numbers = new Map<string, Intl.NumberFormat>()

/** At most four significant digits below 1000, never an invented precision; an en dash for no value. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3
  const key = `${locale.value} ${digits}`
  let format = numbers.get(key)
  if (!format) {
    format = new Intl.NumberFormat(locale.value, { maximumFractionDigits: digits })
    numbers.set(key, format)
  }
  return format.format(value)
}

/** A pure number and a state have the unit `1`, which is not worth printing. */
export function unitText(unit: string | null | undefined): string {
  return unit === '1' ? '' : (unit ?? '')
}

export function instant(at: string | number | null | undefined): number | null {
  if (at === null || at === undefined || at === '') return null
  const ms = typeof at === 'number' ? at : Date.parse(at)
  return Number.isFinite(ms) ? ms : null
}

/** What an input of the type `datetime-local` shows for an instant: the site's date and minute. */
export function toSiteInput(at: string | null): string {
  return dateTime(at).replace(' ', 'T').slice(0, 16)
}

/** The instant of such an input; the site's zone knows no summer time. */
export function fromSiteInput(text: string): string | null {
  const ms = Date.parse(`${text}:00+08:00`)
  return Number.isFinite(ms) ? new Date(ms).toISOString() : null
}
