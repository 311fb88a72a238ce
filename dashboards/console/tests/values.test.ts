import { beforeEach, describe, expect, test, vi } from 'vitest'
import type { Point } from '../src/contract'

vi.mock('../src/link/feed', () => ({ serverNow: () => Date.now(), watchIds: vi.fn() }))
const { forgetFreshness, isUntrusted, qualityName, receiveValues, silenceOf, vLive } = await import('../src/plant/values')

const point = (id: string, changes: Partial<Point> = {}): Point => ({
  id, enterprise: 'E', source: 'S', unit: 'U', tag: 'T', name: '', quantity: 'level', engineering_unit: 'm', period_s: 1, stale_s: 30, ...changes,
})
let cell: HTMLElement
const mount = (of: Point): void => {
  const mounted = (vLive as { mounted: (element: HTMLElement, binding: { value: Point }) => void }).mounted
  mounted(cell, { value: of })
}
const frame = (id: string, v: number, q: number, ts: number): void => receiveValues({ t: Date.now(), ids: [id], v: [v], q: [q], ts: [ts] })

beforeEach(() => {
  cell = document.createElement('span')
  vi.stubGlobal('requestAnimationFrame', (write: () => void) => (write(), 0))
})

describe('a live cell', () => {
  test('shows a dash, not a zero, before anything is known', () => {
    mount(point('a'))
    expect(cell.textContent).toBe('–')
    expect(cell.classList.contains('distrusted')).toBe(true)
  })

  test('shows what a frame brought', () => {
    mount(point('b'))
    frame('b', 5.75, 0, Date.now())
    expect(cell.textContent).toBe('5.75')
    expect(cell.classList.contains('distrusted')).toBe(false)
  })

  test('puts a question mark and a hatch on bad quality', () => {
    mount(point('c'))
    frame('c', 5.75, 0x100 | 5, Date.now())
    expect(cell.textContent).toBe('? 5.75')
    expect(cell.classList.contains('distrusted')).toBe(true)
  })

  test('is old after the silence that the server says of its point', () => {
    expect(silenceOf({ stale_s: 180 })).toBe(180_000)
    mount(point('d'))
    frame('d', 1, 0, Date.now() - 31_000)
    expect(cell.textContent).toBe('? 1')
  })

  test('is old at once when the values stop coming, until the next frame', () => {
    mount(point('e'))
    frame('e', 1, 0, Date.now())
    forgetFreshness()
    expect(cell.textContent).toBe('? 1')
    frame('e', 2, 0, Date.now())
    expect(cell.textContent).toBe('2')
  })
})

test('qualities have names whether they come as numbers or as words', () => {
  expect([0, 1, 3, 0x802, 6].map(qualityName)).toEqual(['good', 'uncertain', 'calibrating', 'bad', 'offline'])
  expect(qualityName('fault')).toBe('fault')
  expect(['good', 'uncertain', 'over_range', 'bad', 'offline'].map(isUntrusted)).toEqual([false, false, false, true, true])
})
