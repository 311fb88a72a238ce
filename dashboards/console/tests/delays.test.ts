import { describe, expect, test } from 'vitest'
import { delaysOf } from '../src/alarms/delays'
import type { Point } from '../src/contract'
import { alarm } from './made'

const point: Point = {
  id: '17', enterprise: 'E1', source: 'S1', unit: 'U1', tag: 'T1', name: '', quantity: 'level', engineering_unit: 'm', stale_s: 30,
  on_delay_s: null, delays: { ll: 0, l: 60, h: 60, hh: 0 },
}

describe('the delay in force', () => {
  test('is told for the levels on the side of the alarm, innermost first, defaults and zero too', () => {
    expect(delaysOf(alarm({ rule: 'limit.high' }), point)).toEqual([{ level: 'h', seconds: 60 }, { level: 'hh', seconds: 0 }])
    expect(delaysOf(alarm({ rule: 'limit.low' }), point)).toEqual([{ level: 'l', seconds: 60 }, { level: 'll', seconds: 0 }])
  })

  test('is not told of an alarm that has none, nor before the point is known', () => {
    expect(delaysOf(alarm({ rule: 'comms.silence', kind: 'comms' }), point)).toEqual([])
    expect(delaysOf(alarm(), null)).toEqual([])
  })
})
