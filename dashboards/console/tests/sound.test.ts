import { expect, test } from 'vitest'
import { Annunciator, calls } from '../src/sound/patterns'
import { alarm } from './made'

test('red repeats every five seconds, orange every fifteen, yellow sounds once', () => {
  const red = new Annunciator()
  red.announce(alarm({ tier: 'red' }), 'raised')
  expect([0, 4_000, 5_000].map((now) => red.due(now, 'red', false))).toEqual(['red', null, 'red'])
  const yellow = new Annunciator()
  yellow.announce(alarm(), 'raised')
  expect([0, 60_000].map((now) => yellow.due(now, 'yellow', false))).toEqual(['yellow', null])
})

test('silence lasts until the next new alarm and acknowledges nothing', () => {
  const sound = new Annunciator()
  sound.announce(alarm({ tier: 'red' }), 'raised')
  sound.silence()
  expect(sound.due(0, 'red', false)).toBeNull()
  sound.announce(alarm({ id: 'next', tier: 'blue' }), 'raised')
  expect(sound.due(1_000, 'red', false)).toBe('red')
})

test('a comment does not end the silence', () => {
  const sound = new Annunciator()
  sound.announce(alarm(), 'raised')
  sound.silence()
  sound.announce(alarm({ rev: 2 }), 'commented')
  expect(sound.isSilenced).toBe(true)
})

test('the highest tier plays, a lost link has its own tone', () => {
  const sound = new Annunciator()
  sound.announce(alarm({ tier: 'blue' }), 'raised')
  expect(sound.due(0, 'red', false)).toBe('red')
  expect(sound.due(1_000, 'red', true)).toBe('link')
})

test('a warning that waits sounds at once and every half minute, apart from alarms and after them', () => {
  const sound = new Annunciator()
  sound.announce(alarm({ tier: 'red' }), 'raised')
  sound.announceWarning()
  expect([0, 500, 2_000, 4_500, 5_000].map((now) => sound.due(now, 'red', false, true))).toEqual(['red', null, 'warning', null, 'red'])
  expect([20_000, 32_000].map((now) => sound.due(now, null, false, true))).toEqual([null, 'warning'])
  expect(sound.due(90_000, null, false, false)).toBeNull()
})

test('silence covers a warning that waits, until the next one comes', () => {
  const sound = new Annunciator()
  sound.announceWarning()
  sound.silence()
  expect(sound.due(60_000, null, false, true)).toBeNull()
  sound.announceWarning()
  expect(sound.due(61_000, null, false, true)).toBe('warning')
})

test('what is acknowledged, shelved, returned or long over does not call', () => {
  expect(calls(alarm())).toBe(true)
  for (const state of ['ACKED', 'SHLVD', 'RTNUN'] as const) expect(calls(alarm({ state }))).toBe(false)
  expect(calls(alarm({ late: true, active: false }))).toBe(false)
})
