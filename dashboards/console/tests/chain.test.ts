import { beforeEach, describe, expect, test } from 'vitest'
import { Chain, shortType } from '../src/link/chain'
import { event, heartbeat, inSnapshot, subscribed, warned } from './made'

let chain: Chain
beforeEach(() => {
  chain = new Chain()
  expect(chain.ask()).toEqual({ from: 'snapshot' })
  chain.take(subscribed())
  chain.take({ op: 'snapshot_begin', sub: 'console', offset: 10 })
  chain.take(inSnapshot({ id: 'a' }))
  expect(chain.take({ op: 'snapshot_end', sub: 'console', offset: 10 })).toMatchObject({ kind: 'snapshot', alarms: [{ id: 'a' }] })
})

describe('the prev chain', () => {
  test('an event that builds on the last one is applied', () => {
    expect(chain.take(event(12, 10))).toMatchObject({ kind: 'event', type: 'raised', urgent: false })
    expect(chain.take(event(13, 12))).toMatchObject({ kind: 'event' })
  })

  test('an event that builds on one not seen asks again from the last offset', () => {
    chain.take(event(12, 10))
    expect(chain.take(event(15, 14))).toEqual({ kind: 'ask', reason: 'gap', ask: { from: { epoch: 'E1', offset: 12 } } })
  })

  test('a heartbeat that names an event not seen asks again too', () => {
    expect(chain.take(heartbeat(11))).toMatchObject({ kind: 'ask', reason: 'gap', ask: { from: { epoch: 'E1', offset: 10 } } })
  })

  test('a heartbeat that names what was seen is a sign of life', () => {
    expect(chain.take(heartbeat(10))).toMatchObject({ kind: 'alive' })
  })

  test('frames still on the way after a gap are ignored until the server has subscribed again', () => {
    chain.take(event(15, 14))
    expect(chain.take(event(16, 15))).toEqual({ kind: 'nothing' })
    chain.take(subscribed())
    expect(chain.take(event(12, 10))).toMatchObject({ kind: 'event' })
  })

  test('a second gap at the same place asks for a snapshot', () => {
    chain.take(event(15, 14))
    chain.take(subscribed())
    expect(chain.take(event(15, 14))).toMatchObject({ kind: 'ask', ask: { from: 'snapshot' } })
  })

  test('a reconnection asks from the last offset', () => {
    chain.take(event(12, 10))
    expect(chain.ask()).toEqual({ from: { epoch: 'E1', offset: 12 } })
  })

  test('another epoch asks for a snapshot', () => {
    chain.ask()
    expect(chain.take(subscribed('E2'))).toEqual({ kind: 'ask', reason: 'epoch', ask: { from: 'snapshot' } })
  })

  test('a place the server cannot recover asks for a snapshot', () => {
    chain.ask()
    expect(chain.take(subscribed('E1', false))).toMatchObject({ kind: 'ask', ask: { from: 'snapshot' } })
  })

  test('an error in answer to a resumed subscription asks for a snapshot', () => {
    chain.ask()
    expect(chain.take({ op: 'error', code: 'bad_offset', error: '' })).toMatchObject({ kind: 'ask', ask: { from: 'snapshot' } })
  })

  test('an urgent event is applied and does not move the cursor', () => {
    const urgent = event(90, null)
    expect(chain.take({ ...(urgent as object), op: 'urgent' } as never)).toMatchObject({ kind: 'event', urgent: true })
    expect(chain.ask()).toEqual({ from: { epoch: 'E1', offset: 10 } })
  })

  test('a redelivered event does not move the cursor back', () => {
    chain.take(event(12, 10))
    chain.take(event(11, 10))
    expect(chain.ask()).toEqual({ from: { epoch: 'E1', offset: 12 } })
  })

  test('a snapshot broken off counts for nothing', () => {
    chain.take({ op: 'snapshot_begin', sub: 'console', offset: 20 })
    expect(chain.ask()).toEqual({ from: { epoch: 'E1', offset: 10 } })
  })

  test('a first snapshot broken off is asked for again from its beginning', () => {
    const fresh = new Chain()
    fresh.ask()
    fresh.take(subscribed())
    fresh.take({ op: 'snapshot_begin', sub: 'console', offset: 10 })
    fresh.take(inSnapshot({ id: 'a' }))
    expect(fresh.ask()).toEqual({ from: 'snapshot' })
  })

  test('a snapshot of another epoch broken off never joins that epoch to the old offset', () => {
    chain.take(event(15, 14))
    chain.take(subscribed())
    expect(chain.take(event(15, 14))).toMatchObject({ ask: { from: 'snapshot' } })
    chain.take(subscribed('E2'))
    chain.take({ op: 'snapshot_begin', sub: 'console', offset: 3 })
    chain.take(inSnapshot({ id: 'a' }))
    expect(chain.ask()).not.toEqual({ from: { epoch: 'E2', offset: 10 } })
    chain.take(subscribed('E2'))
    chain.take({ op: 'snapshot_begin', sub: 'console', offset: 3 })
    chain.take({ op: 'snapshot_end', sub: 'console', offset: 3 })
    expect(chain.ask()).toEqual({ from: { epoch: 'E2', offset: 3 } })
  })

  test('an event of a snapshot never moves the cursor', () => {
    chain.take(inSnapshot({ id: 'b' }))
    expect(chain.ask()).toEqual({ from: { epoch: 'E1', offset: 10 } })
  })

  test('a warning keeps the chain, and is never taken for an alarm', () => {
    expect(chain.take(warned(12, 10))).toMatchObject({ kind: 'warning', warning: { id: '01W1', stage: 'proposed' } })
    expect(chain.take(event(13, 12))).toMatchObject({ kind: 'event' })
    expect(chain.take(warned(15, 14))).toMatchObject({ kind: 'ask', reason: 'gap' })
  })

  test('a snapshot tells alarms and warnings apart', () => {
    chain.take({ op: 'snapshot_begin', sub: 'console', offset: 20 })
    chain.take(inSnapshot({ id: 'a' }))
    chain.take({ ...warned(0, 0), snapshot: true } as never)
    expect(chain.take({ op: 'snapshot_end', sub: 'console', offset: 20 })).toMatchObject({ alarms: [{ id: 'a' }], warnings: [{ id: '01W1' }] })
  })

  test('goaway names its wait', () => {
    expect(chain.take({ op: 'goaway', retry_after_s: 5, reason: 'restart' })).toEqual({ kind: 'goaway', retryAfterS: 5 })
  })

  test('the short type is the last word of the CloudEvent type', () => {
    expect(shortType('cn.fengsui.alarm.tier_up')).toBe('tier_up')
    expect(shortType('raised')).toBe('raised')
  })
})
