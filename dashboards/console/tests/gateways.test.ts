import { expect, test } from 'vitest'
import { word } from '../src/i18n'
import { byReason, clockColumns, DIALECTS, rateColumns, standing } from '../src/plant/gateways'

const at = 1_700_000_040_000 // a whole minute

test('a minute in which nothing came is zero, and the minute that runs is not shown', () => {
  const history = { resolution: '1m' as const, rows: [[at, 6, 600, 0, 0, 0.5, 0.4, 0.6]] }
  const made = rateColumns(history, at - 60_000, at + 150_000)
  expect(made.time).toEqual([at / 1000 - 60, at / 1000, at / 1000 + 60])
  expect(made.value).toEqual([0, 10, 0])
})

test('the clock of a minute without a stamp is a gap', () => {
  const history = { resolution: '1m' as const, rows: [[at, 1, 1, 0, 0, -2, -3, -1], [at + 60_000, 1, 1, 0, 0, null, null, null]] }
  const made = clockColumns(history)
  expect(made.value).toEqual([-2, null])
  const paused = clockColumns({ ...history, rows: [history.rows[0] as number[], [at + 300_000, 1, 1, 0, 0, 5, 5, 5]] })
  expect(paused.value).toEqual([-2, null, 5])
  expect([made.low[0], made.high[0]]).toEqual([-3, -1])
})

test('a gateway that says nothing of itself is sending while it is heard, and silent afterwards', () => {
  expect(standing({ state: 'unknown', heard: 'online' })).toBe('sending')
  expect(standing({ state: 'unknown', heard: 'silent' })).toBe('silent')
  expect(standing({ state: 'unknown', heard: 'never' })).toBe('unknown')
  expect(standing({ state: 'offline', heard: 'online' })).toBe('offline')
})

test('every state, dialect, quality and mark a preview may name has its words', () => {
  for (const one of DIALECTS) expect(word('dialect', one)).not.toBe(one)
  for (const one of ['stamped_here', 'history', 'corrected', 'clamped']) expect(word('flag', one)).not.toBe(one)
  for (const one of ['sending', 'silent']) expect(word('gateway.state', one)).not.toBe(one)
})

test('what is refused for one reason is told under that reason once', () => {
  const one = (reason: string, tag: string) => ({ reason, tag, field: null, count: 1, first: { value: 1 }, words: { zh: reason, en: reason } })
  const told = byReason([one('bad_value', 'A'), one('unknown_point', 'B'), one('bad_value', 'C')])
  expect(told.map(({ reason, what }) => [reason, what.map(({ tag }) => tag)])).toEqual([
    ['bad_value', ['A', 'C']],
    ['unknown_point', ['B']],
  ])
})
