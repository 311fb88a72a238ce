import { expect, test } from 'vitest'
import { linkState, reconnectDelay } from '../src/link/staleness'

const facts = { open: true, synced: true, heard: 100_000, everSynced: true }

test.each([
  [100_000, 'live'],
  [103_000, 'live'],
  [103_001, 'late'],
  [110_000, 'late'],
  [110_001, 'lost'],
])('at %i ms the link heard at 100000 is %s', (now, state) => {
  expect(linkState(facts, now)).toBe(state)
})

test('a closed socket is lost at once', () => {
  expect(linkState({ ...facts, open: false }, 100_100)).toBe('lost')
})

test('an open socket without its snapshot is resynchronising', () => {
  expect(linkState({ ...facts, synced: false }, 100_100)).toBe('syncing')
})

test('before the first snapshot it is connecting', () => {
  expect(linkState({ open: false, synced: false, heard: null, everSynced: false }, 1)).toBe('connecting')
})

test('reconnection waits half a second, doubles, and never more than 15 s', () => {
  expect([0, 1, 2, 3, 4, 5, 9].map((n) => reconnectDelay(n, 1))).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000])
  expect(reconnectDelay(9, 0)).toBe(7_500)
})
