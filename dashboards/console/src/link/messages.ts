/** What the page and its worker say to each other. */
import type { Alarm, EarlyWarning } from '../contract'
import type { LinkState } from './staleness'

export interface LinkReport {
  state: LinkState
  /** Milliseconds since the last frame. */
  age: number
  /** Since when (page clock, ms) the screen shows old values; null while it does not. */
  since: number | null
  /** Server clock minus page clock, ms. */
  skew: number
}

export interface Change {
  alarm: Alarm
  type: string
}

export type ToPage =
  | { kind: 'link'; link: LinkReport }
  | { kind: 'snapshot'; alarms: Alarm[]; warnings: EarlyWarning[] }
  | { kind: 'changes'; changes: Change[] }
  | { kind: 'warnings'; warnings: EarlyWarning[] }
  | { kind: 'values'; t: number; ids: Array<number | string>; v: Array<number | null>; q: number[]; ts?: number[] }
  | { kind: 'values_lost' }
  | { kind: 'refused' }

export type ToWorker =
  | { kind: 'open'; alarms: string; values: string }
  | { kind: 'close' }
  | { kind: 'reconnect' }
  | { kind: 'watch'; ids: Array<number | string>; maxHz: number }
