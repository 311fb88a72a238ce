import { describe, expect, test } from 'vitest'
import { arrange, comparator, compare, isUnacked } from '../src/alarms/order'
import { alarm } from './made'

const ack = { acks: { site: { by: 'wang', at: '' }, county: null, city: null, province: null } }
const ids = (of: { id: string }[]): string[] => of.map(({ id }) => id)

describe('the default order', () => {
  test('is unacknowledged first, then tier, then newest', () => {
    const rows = [
      alarm({ id: 'acked-red', tier: 'red', state: 'ACKED', ...ack }),
      alarm({ id: 'old-yellow', t_raised: '2026-11-22T05:00:00Z' }),
      alarm({ id: 'blue', tier: 'blue' }),
      alarm({ id: 'new-yellow', t_raised: '2026-11-22T07:00:00Z' }),
      alarm({ id: 'returned-orange', tier: 'orange', state: 'RTNUN', active: false }),
      alarm({ id: 'red', tier: 'red' }),
    ]
    expect(ids(rows.sort(compare))).toEqual(['red', 'returned-orange', 'new-yellow', 'old-yellow', 'blue', 'acked-red'])
  })

  test('puts what is still active before what has returned, within a tier', () => {
    const rows = [
      alarm({ id: 'returned', t_raised: '2026-11-22T07:00:00Z', state: 'RTNUN', active: false }),
      alarm({ id: 'active', t_raised: '2026-11-22T05:00:00Z' }),
    ]
    expect(ids(rows.sort(compare))).toEqual(['active', 'returned'])
  })

  test('a shelved alarm is not owed an acknowledgement, a latched one without it is', () => {
    expect(isUnacked(alarm({ state: 'SHLVD' }))).toBe(false)
    expect(isUnacked(alarm({ state: 'LATCHED' }))).toBe(true)
    expect(isUnacked(alarm({ state: 'LATCHED', ...ack }))).toBe(false)
  })

  test('sorting by tag keeps the default order between equal tags', () => {
    const rows = [alarm({ id: 'b', point: 'B' }), alarm({ id: 'blue', point: 'A', tier: 'blue' }), alarm({ id: 'red', point: 'A', tier: 'red' })]
    expect(ids(rows.sort(comparator('tag', () => '')))).toEqual(['red', 'blue', 'b'])
  })
})

describe('a held list', () => {
  const first = alarm({ id: 'first' })
  const second = alarm({ id: 'second', tier: 'blue' })

  test('keeps its order and lets new alarms wait outside, the worst first', () => {
    const rows = [alarm({ id: 'n1', tier: 'blue' }), second, alarm({ id: 'n2', tier: 'red' }), first]
    expect(arrange(rows, compare, ['second', 'first'], true)).toEqual({ ids: ['second', 'first'], waiting: ['n2', 'n1'] })
  })

  test('keeps a row that has closed, so that nothing moves under the pointer', () => {
    const closed = alarm({ id: 'first', t_closed: '2026-11-22T06:10:00Z', state: 'NORM' })
    expect(arrange([closed, second], compare, ['first', 'second'], true).ids).toEqual(['first', 'second'])
    expect(arrange([closed, second], compare, ['first', 'second'], false).ids).toEqual(['second'])
  })

  test('sorts all again when it is let go', () => {
    expect(arrange([second, first], compare, ['second', 'first'], false)).toEqual({ ids: ['first', 'second'], waiting: [] })
  })
})
