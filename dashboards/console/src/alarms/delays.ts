/** How long a value must be beyond a limit before it alarms: what is in force, not what was registered. */
import type { Alarm, Point } from '../contract'

const LEVELS: Record<string, readonly string[]> = { 'limit.low': ['l', 'll'], 'limit.high': ['h', 'hh', 'cut'] }

/** The delays of the levels on the alarm's side, innermost first, in seconds; none for other kinds of alarm. */
export function delaysOf(alarm: Alarm, point: Point | null): Array<{ level: string; seconds: number }> {
  const delays = point?.delays ?? {}
  return (LEVELS[alarm.rule] ?? []).flatMap((level) => {
    const seconds = delays[level]
    return seconds === undefined ? [] : [{ level, seconds }]
  })
}
