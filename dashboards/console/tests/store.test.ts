import { describe, expect, test, vi } from 'vitest'
import { AlarmStore } from '../src/alarms/store'
import { alarm } from './made'

const closed = { t_closed: '2026-11-22T06:10:00Z', state: 'NORM' as const, active: false }

describe('the alarm store', () => {
  test('applies a revision only when it is newer than its own', () => {
    const store = new AlarmStore()
    store.apply([{ alarm: alarm({ rev: 3, tier: 'red' }), type: 'tier_up' }])
    store.apply([{ alarm: alarm({ rev: 2, tier: 'blue' }), type: 'raised' }])
    store.apply([{ alarm: alarm({ rev: 3, tier: 'blue' }), type: 'raised' }])
    expect(store.get('01K1')?.tier).toBe('red')
  })

  test('a snapshot replaces everything, but never with an older revision', () => {
    const store = new AlarmStore()
    store.apply([{ alarm: alarm({ id: 'gone' }), type: 'raised' }, { alarm: alarm({ id: 'kept', rev: 5 }), type: 'raised' }])
    store.replace([alarm({ id: 'kept', rev: 4 }), alarm({ id: 'new' })])
    expect(store.get('gone')).toBeUndefined()
    expect(store.get('kept')?.rev).toBe(5)
    expect(store.open.value).toHaveLength(2)
    expect(store.known.value).toBe(true)
  })

  test('counts what is unacknowledged by tier, and what is hidden', () => {
    const store = new AlarmStore()
    store.replace([alarm({ id: '1', tier: 'red' }), alarm({ id: '2', tier: 'red', state: 'RTNUN' }), alarm({ id: '3', state: 'SHLVD' }), alarm({ id: '4', state: 'ACKED' })])
    expect(store.unacked.value).toEqual({ red: 2, orange: 0, yellow: 0, blue: 0 })
    expect(store.hidden.value).toEqual({ SHLVD: 1, OOSRV: 0, DSUPR: 0 })
  })

  test('keeps a bounded number of closed alarms for rows that must not jump', () => {
    const store = new AlarmStore()
    for (let n = 0; n < 300; n += 1) store.apply([{ alarm: alarm({ id: `a${n}`, ...closed }), type: 'closed' }])
    expect(store.all.value).toHaveLength(200)
    expect(store.open.value).toHaveLength(0)
  })

  test('tells its listeners only what it took', () => {
    const store = new AlarmStore()
    const heard = vi.fn()
    store.onChanges(heard)
    store.apply([{ alarm: alarm({ rev: 2 }), type: 'raised' }])
    store.apply([{ alarm: alarm({ rev: 1 }), type: 'raised' }])
    expect(heard).toHaveBeenCalledTimes(1)
  })
})
