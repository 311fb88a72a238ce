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

test('what is acknowledged, shelved, returned or long over does not call', () => {
  expect(calls(alarm())).toBe(true)
  for (const state of ['ACKED', 'SHLVD', 'RTNUN'] as const) expect(calls(alarm({ state }))).toBe(false)
  expect(calls(alarm({ late: true, active: false }))).toBe(false)
})
