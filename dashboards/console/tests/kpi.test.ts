import { describe, expect, test } from 'vitest'
import type { Figures } from '../src/kpi/figures'
import { barsOf, spanOf } from '../src/kpi/spans'
import { figureOf, figureText, verdictOf } from '../src/kpi/verdicts'

const NOW = Date.parse('2026-03-01T01:30:40Z') // 09:30:40 at the site
const text = ({ from, to, running }: ReturnType<typeof spanOf>) => [new Date(from).toISOString().slice(0, 16), new Date(to).toISOString().slice(0, 16), running]

describe('a span by the clock of the site', () => {
  test('that runs ends with the last whole minute', () => {
    expect(text(spanOf('shift', 0, NOW))).toEqual(['2026-03-01T00:00', '2026-03-01T01:30', true])
    expect(text(spanOf('day', 0, NOW))).toEqual(['2026-02-28T16:00', '2026-03-01T01:30', true])
    expect(text(spanOf('month', 0, NOW))).toEqual(['2026-02-28T16:00', '2026-03-01T01:30', true])
  })

  test('further back is whole', () => {
    expect(text(spanOf('shift', 1, NOW))).toEqual(['2026-02-28T16:00', '2026-03-01T00:00', false])
    expect(text(spanOf('day', 2, NOW))).toEqual(['2026-02-26T16:00', '2026-02-27T16:00', false])
    expect(text(spanOf('month', 1, NOW))).toEqual(['2026-01-31T16:00', '2026-02-28T16:00', false])
    expect(text(spanOf('month', 3, NOW))).toEqual(['2025-11-30T16:00', '2025-12-31T16:00', false])
  })

  test('that has just begun is never empty', () => {
    const { from, to } = spanOf('day', 0, Date.parse('2026-02-28T16:00:05Z'))
    expect(to).toBeGreaterThan(from)
  })
})

test('bars show each ten minutes of a day, and the worst of several for a month', () => {
  expect(barsOf(0, [1, 12, 0])).toEqual({ bars: [{ at: 0, count: 1 }, { at: 600_000, count: 12 }, { at: 1_200_000, count: 0 }], minutes: 10 })
  const month = Array.from({ length: 4_320 }, (_, place) => (place === 100 ? 11 : 0))
  const { bars, minutes } = barsOf(0, month)
  expect(minutes).toBe(270)
  expect(bars).toHaveLength(160)
  expect(bars.map(({ count }) => count).filter((count) => count > 10)).toEqual([11])
  expect(barsOf(0, [])).toEqual({ bars: [], minutes: 10 })
})

test('a verdict follows the bounds beside the figure', () => {
  const bounds = { acceptable: 6, limit: 12 }
  expect([6, 6.1, 12, 12.1].map((value) => verdictOf(value, bounds))).toEqual(['met', 'above', 'above', 'over'])
  expect(verdictOf(11, { acceptable: 10, limit: null })).toBe('above')
})

test('chattering is judged together with fleeting, shares are percentages to a tenth', () => {
  expect(figureOf({ chattering: 2, fleeting: 3 } as Figures, 'chattering')).toBe(5)
  expect(figureOf({ tier_shares: { red: 0.2 } } as Figures, 'tier_shares.red')).toBe(0.2)
  expect(figureOf({ tier_shares: {} } as Figures, 'tier_shares.orange')).toBe(0)
  expect(figureText('tier_shares.red', 0.2)).toBe('20 %')
  expect(figureText('time_in_flood', 0.01998)).toBe('2 %')
  expect(figureText('top_10_share', 0.4889)).toBe('48.9 %')
  expect(figureText('per_hour', 2.997)).toBe('3')
})
