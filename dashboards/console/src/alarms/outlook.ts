/** What stands before an alarm's words, and a forecast as it is true now: by the clock, never counted from when it was said. */
import type { Alarm, Forecast } from '../contract'
import { clock, hourMinute, number, unitText } from '../format'
import { t, type Key } from '../i18n'

/** An interval that ends so long after its reading, or later, has no end: the server cuts it off there. */
const FARTHEST_MS = 86_400_000

export interface Outlook {
  forecast: Forecast
  /** Until the expected moment, or how long it is past. */
  left: string
  past: boolean
  interval: string
  chance: string
}

/** The forecast of an alarm that still stands; null for every other. */
export function outlookOf(alarm: Alarm, now: number): Outlook | null {
  const { forecast } = alarm
  if (!forecast || !alarm.active || alarm.kind !== 'forecast') return null
  const left = Date.parse(forecast.eta) - now
  return {
    forecast,
    left: t(left > 0 ? 'forecast.left' : 'forecast.past', { span: span(Math.abs(left)) }),
    past: left <= 0,
    interval: intervalOf(forecast, alarm.t_event, clock),
    chance: t('forecast.chance', { p: Math.round(forecast.probability * 100) }),
  }
}

/** A row's words for a forecast: the moment instead of the minutes that were left when it was made. */
export function outlookText(alarm: Alarm, { forecast, chance }: Outlook): string {
  // Within one minute only seconds tell its ends apart.
  const shown = hourMinute(forecast.eta_low) === hourMinute(forecast.eta_high) ? clock : hourMinute
  const interval = intervalOf(forecast, alarm.t_event, shown)
  const limit = `${number(forecast.limit)} ${unitText(alarm.engineering_unit)}`.trim()
  return t('forecast.row', { name: alarm.name ?? '', eta: shown(forecast.eta), interval, limit, chance })
}

/** Whether the alarm came first at its source in the flood it rang in. */
export function isFirstOut(alarm: Alarm): boolean {
  return alarm.flood != null && firstOutOf(alarm.flood.first_out) === (alarm.point ?? alarm.subject)
}

/** The tag or code in the key of what came first: the key begins with its enterprise, or says what it is. */
export function firstOutOf(key: string): string {
  return key.replace(/^[^/:]*[/:]/, '')
}

/** What it means that the signal behind an active alarm is not good: the alarm is held, or judged all the same. */
export function doubtOf(alarm: Alarm): Key | null {
  if (!alarm.active || alarm.quality === 'good') return null
  return alarm.quality === 'uncertain' && alarm.kind !== 'group' ? 'quality.used' : 'quality.held'
}

function intervalOf({ eta_low, eta_high }: Forecast, made: string, shown: (at: string) => string): string {
  if (Date.parse(eta_high) - Date.parse(made) >= FARTHEST_MS) return t('forecast.open', { low: shown(eta_low) })
  return `${shown(eta_low)}–${shown(eta_high)}`
}

/** Minutes, rounded down so that nobody has less time than is said; seconds below two minutes. */
function span(ms: number): string {
  const s = Math.floor(ms / 1000)
  if (s < 120) return t('span.s', { n: s })
  return s < 7200 ? t('span.min', { n: Math.floor(s / 60) }) : t('span.h', { n: Math.floor(s / 3600), min: Math.floor(s / 60) % 60 })
}
