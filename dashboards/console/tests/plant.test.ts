import { expect, test } from 'vitest'
import { KINDS } from '../src/contract'
import { placesOf } from '../src/plant/directory'
import { rollups } from '../src/plant/rollup'
import { guidance } from '../src/plant/guidance'
import { append, columns, verticalRange } from '../src/parts/trend'
import { difference } from '../src/alarms/actions'
import { alarm } from './made'

test('the tree holds only regions with an enterprise below them, down to the units', () => {
  const regions = [
    { code: '510000', name: '四川省', parent: null, kind: 'province' },
    { code: '510600', name: '德阳市', parent: '510000', kind: 'city' },
    { code: '510603', name: '旌阳区', parent: '510600', kind: 'county' },
    { code: '110000', name: '北京市', parent: null, kind: 'province' },
  ]
  const enterprises = [{ code: 'DY', name: '德阳', region: '510603', simulated: true }]
  const sources = [{ enterprise: 'DY', code: 'R1', name: '罐区', kind: 'tank_farm', units: [{ code: 'TK', name: '罐', kind: 'tank' }] }]
  const tree = placesOf(regions, enterprises, sources)
  expect(tree.map(({ name }) => name)).toEqual(['四川省'])
  const unit = tree[0]?.children[0]?.children[0]?.children[0]?.children[0]?.children[0]
  expect(unit).toMatchObject({ key: '510603/DY/R1/TK', kind: 'unit', simulated: true })
})

test('health is counted apart from the unacknowledged', () => {
  const open = [alarm({ id: '1', tier: 'orange' }), alarm({ id: '2', tier: 'blue', kind: 'comms' }), alarm({ id: '3', kind: 'sensor', state: 'SHLVD' })]
  expect(rollups(open, [], () => ['x']).get('x')).toEqual({
    worst: 'orange', unacked: { red: 0, orange: 1, yellow: 0, blue: 1 }, open: 2, bad: 1, silent: 1, offline: 0, gateways: 0,
  })
})

test('every kind of alarm has something to do', () => {
  for (const kind of KINDS) {
    expect(guidance({ kind, quantity: 'level' }).length).toBeGreaterThan(0)
  }
  expect(guidance({ kind: 'limit', quantity: 'methane' }, 'coal_mine')[0]).toBe('guide.mine.1')
  expect(guidance({ kind: 'limit', quantity: 'methane' }, 'gas_line')[0]).toBe('guide.gas.1')
  expect(guidance({ kind: 'group', rule: 'group.power_cut', quantity: 'feeder_state' })[0]).toBe('guide.power_cut.1')
  expect(guidance({ kind: 'group', rule: 'group.vote', quantity: 'toxic_gas' })).toEqual(['guide.group.1', 'guide.gas.1', 'guide.gas.2', 'guide.gas.3'])
})

test('raw rows become a line, roll-ups a line with its extremes, a silence a gap', () => {
  const raw = columns({ resolution: 'raw', unit: 'm', rows: [[0, 1, 'good'], [1000, 2, 'fault'], [60_000, 3, 0]] }, 1)
  expect(raw.value).toEqual([1, null, null, 3])
  const minutes = columns({ resolution: '1m', unit: 'm', rows: [[0, 1, 3, 2, 60]] }, 1)
  expect([minutes.value, minutes.low, minutes.high]).toEqual([[2], [1], [3]])
})

test('a live value is appended once and the oldest leave the window', () => {
  const trend = columns({ resolution: 'raw', unit: 'm', rows: [[1000, 1, 0], [2000, 2, 0], [3000, 3, 0]] }, 1)
  append(trend, 3, 9, 0)
  append(trend, 4, 4, 2.5)
  expect(trend.time).toEqual([3, 4])
})

test('the limits are in sight of the trend', () => {
  const [low, high] = verticalRange([4, null, 5], [10])
  expect(low).toBeLessThan(4)
  expect(high).toBeGreaterThan(10)
})

test('a conflict says what has changed', () => {
  const now = alarm({ rev: 4, tier: 'red', acks: { site: { by: '李某', at: '' }, county: null, city: null, province: null } })
  expect(difference(alarm(), now)).toBe('三级黄 → 一级红, 李某 已确认')
  expect(difference(alarm(), alarm({ rev: 2 }))).toBe('再次报警')
  expect(difference(alarm(), alarm({ rev: 2, active: false }))).toBe('内容已更新')
  expect(difference(alarm(), alarm({ rev: 2, t_closed: '2026-11-22T06:10:00Z', state: 'NORM' }))).toBe('已关闭')
})
