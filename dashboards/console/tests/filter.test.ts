import { expect, test } from 'vitest'
import { areaPath, inArea, parseArea, parseKind, parseState, parseTiers, passes, prefixOf, type AlarmFilter } from '../src/alarms/filter'
import { alarm } from './made'

const all: AlarmFilter = { state: 'all', tiers: new Set(), kind: null, area: null, text: '' }
const words = (of: { point: string | null }): string => (of.point ?? '').toLowerCase()

test('a region code is cut at its level before matching', () => {
  expect(['510000', '510600', '510603', '510681P01'].map(prefixOf)).toEqual(['51', '5106', '510603', '510681P01'])
  expect(inArea(alarm(), { region: '510600' })).toBe(true)
  expect(inArea(alarm({ region: '511526' }), { region: '510600' })).toBe(false)
  expect(inArea(alarm({ region: '510681P01' }), { region: '510681' })).toBe(true)
})

test('an area narrows by enterprise, source and unit', () => {
  const area = parseArea('510603/DY-CHEM-01/DYC01-R001/TK101')
  expect(areaPath(area)).toBe('510603/DY-CHEM-01/DYC01-R001/TK101')
  expect(inArea(alarm(), area)).toBe(true)
  expect(inArea(alarm({ unit: 'TK102' }), area)).toBe(false)
  expect(inArea(alarm({ enterprise: 'OTHER' }), { region: '510603', enterprise: 'DY-CHEM-01' })).toBe(false)
})

test('the list hides what is shelved unless it is asked for', () => {
  const shelved = alarm({ state: 'SHLVD' })
  expect(passes(shelved, all, words)).toBe(false)
  expect(passes(shelved, { ...all, state: 'shelved' }, words)).toBe(true)
})

test('tier, kind and text narrow the list', () => {
  expect(passes(alarm(), { ...all, kind: 'group' }, words)).toBe(false)
  expect(passes(alarm({ kind: 'group' }), { ...all, kind: 'group' }, words)).toBe(true)
  expect(passes(alarm(), { ...all, tiers: new Set(['red']) }, words)).toBe(false)
  expect(passes(alarm(), { ...all, text: 'tk101' }, words)).toBe(true)
  expect(passes(alarm(), { ...all, text: 'tk999' }, words)).toBe(false)
})

test('a word in the address that is no filter means none', () => {
  expect(parseState('nonsense')).toBe('all')
  expect(parseKind('nonsense')).toBeNull()
  expect([...parseTiers('blue,red,nonsense')]).toEqual(['red', 'blue'])
  expect(parseArea('')).toBeNull()
})
