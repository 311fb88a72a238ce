import { afterEach, expect, test } from 'vitest'
import { doubtOf, firstOutOf, isFirstOut, outlookOf, outlookText } from '../src/alarms/outlook'
import { locale } from '../src/i18n'
import { alarm } from './made'

const made = Date.parse('2026-11-22T06:00:00Z')
const at = (minutes: number): string => new Date(made + minutes * 60_000).toISOString()
const forecast = { limit: 9, eta: at(20), eta_low: at(15), eta_high: at(30), probability: 0.914 }
const foretold = alarm({ kind: 'forecast', rule: 'forecast.h', forecast, name: '液位' })

afterEach(() => (locale.value = 'zh-CN'))

test('the time left goes by the clock, not by when the forecast was made', () => {
  expect(outlookOf(foretold, made)?.left).toBe('余 20 分钟')
  expect(outlookOf(foretold, made + 8.5 * 60_000)?.left).toBe('余 11 分钟')
  expect(outlookOf(foretold, made + 19 * 60_000)?.left).toBe('余 60 秒')
})

test('a forecast whose moment has gone by says so instead of counting below zero', () => {
  expect(outlookOf(foretold, made + 23 * 60_000)).toMatchObject({ past: true, left: '已过 3 分钟' })
})

test('its words give moments, the interval and the probability', () => {
  const outlook = outlookOf(foretold, made)
  expect(outlook && outlookText(foretold, outlook)).toBe('约 14:20（14:15–14:30）达到 9 m，概率 91 % · 液位')
})

test('an interval that the server cut off at a day has no end', () => {
  const open = alarm({ ...foretold, forecast: { ...forecast, eta_high: at(1440) } })
  expect(outlookOf(open, made)?.interval).toBe('14:15:00 以后')
})

test('what is no forecast, or has returned, has no outlook', () => {
  expect(outlookOf(alarm(), made)).toBeNull()
  expect(outlookOf(alarm({ ...foretold, active: false, state: 'RTNUN' }), made)).toBeNull()
})

test('the first out of a flood is marked, whatever follows it is not', () => {
  const flood = { since: at(0), first_out: 'DY-CHEM-01/TK101.LT' }
  expect(isFirstOut(alarm({ flood }))).toBe(true)
  expect(isFirstOut(alarm({ flood, point: 'TK102.LT' }))).toBe(false)
  expect(isFirstOut(alarm({ flood: { since: at(0), first_out: 'DY-CHEM-01/R1.GT' }, point: null, subject: 'R1.GT' }))).toBe(true)
  expect(isFirstOut(alarm())).toBe(false)
  expect(firstOutOf('gateway:gw-1')).toBe('gw-1')
})

test('an active alarm is held by a signal that is lost, and judged by one that is only uncertain', () => {
  expect(doubtOf(alarm({ quality: 'stale' }))).toBe('quality.held')
  expect(doubtOf(alarm({ quality: 'uncertain' }))).toBe('quality.used')
  expect(doubtOf(alarm({ quality: 'uncertain', kind: 'group' }))).toBe('quality.held')
  expect(doubtOf(alarm({ quality: 'stale', active: false }))).toBeNull()
  expect(doubtOf(alarm())).toBeNull()
})
