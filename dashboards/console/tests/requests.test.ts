import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { alarm } from './made'

vi.mock('../src/link/feed.worker?worker', () => ({ default: class {} }))
const { awaited, rememberRequest } = await import('../src/alarms/actions')

const pending = { action: 'shelve', asked_by: 'demo', expires_at: '2026-11-22T06:10:00Z' }
const red = alarm({ tier: 'red' })

describe('what waits for a second person', () => {
  beforeEach(() => {
    vi.useFakeTimers()
    vi.setSystemTime('2026-11-22T06:00:30Z')
    rememberRequest(red.id, pending)
  })
  afterEach(() => vi.useRealTimers())

  test('is known by who asked, until it lapses', () => {
    expect(awaited(red)?.asked_by).toBe('demo')
    vi.advanceTimersByTime(9.4 * 60_000)
    expect(awaited(red)).not.toBeNull()
    vi.advanceTimersByTime(0.2 * 60_000)
    expect(awaited(red)).toBeNull()
  })

  test('a later request of the same lapses at its own time', () => {
    vi.advanceTimersByTime(5 * 60_000)
    rememberRequest(red.id, { ...pending, expires_at: '2026-11-22T06:15:00Z' })
    vi.advanceTimersByTime(6 * 60_000)
    expect(awaited(red)).not.toBeNull()
  })

  test('is over when the alarm has moved on or the server says so', () => {
    expect(awaited({ ...red, state: 'SHLVD' })).toBeNull()
    expect(awaited({ ...red, tier: 'orange' })).toBeNull()
    expect(awaited({ ...red, t_closed: '2026-11-22T06:01:00Z' })).toBeNull()
    rememberRequest(red.id, null)
    expect(awaited(red)).toBeNull()
  })
})
