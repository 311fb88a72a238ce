import { expect, test } from 'vitest'
import { clock, dateTime, duration, number, shortTime, unitText } from '../src/format'

test('times are in the zone of the site, on a 24 hour clock', () => {
  expect(dateTime('2026-11-22T06:03:27.450Z')).toBe('2026-11-22 14:03:27')
  expect(dateTime('2026-11-21T16:00:00Z')).toBe('2026-11-22 00:00:00')
  expect(shortTime('2026-11-22T06:03:21.450Z')).toBe('11-22 14:03:21.4')
  expect(clock('2026-11-22T06:03:21Z')).toBe('14:03:21')
})

test('no time is no text', () => {
  expect([dateTime(null), shortTime(undefined), dateTime('nonsense')]).toEqual(['', '', ''])
})

test.each([
  [38_000, '0:38'],
  [725_000, '12:05'],
  [11_232_000, '3:07:12'],
  [187_800_000, '2 d 04:10'],
  [-5, '0:00'],
])('%i ms last %s', (ms, text) => {
  expect(duration(ms)).toBe(text)
})

test('numbers keep about four digits and a missing one is never shown as zero', () => {
  expect([0.4567, 91.2, 1830.4, 0, -3.5].map(number)).toEqual(['0.457', '91.2', '1,830', '0', '-3.5'])
  expect([null, undefined, Number.NaN].map(number)).toEqual(['–', '–', '–'])
})

test('a pure number has no unit to print', () => {
  expect([unitText('1'), unitText('m'), unitText(null)]).toEqual(['', 'm', ''])
})
