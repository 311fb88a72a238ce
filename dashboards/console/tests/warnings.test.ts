import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Duty, EarlyWarning } from '../src/contract'
import { warning } from './made'

vi.mock('../src/link/feed.worker?worker', () => ({ default: class {} }))
const { account } = await import('../src/session')
const { difference, missing, offered, perform, waitsForMe } = await import('../src/warnings/deeds')
const { ordered } = await import('../src/warnings/list')
const { WarningStore, warnings } = await import('../src/warnings/store')
const { fromSiteInput, toSiteInput } = await import('../src/format')

const ALL: Duty[] = ['issue', 'receipt', 'handle', 'feedback', 'adjust', 'lift']
const issued = (changes: Partial<EarlyWarning> = {}): EarlyWarning => warning({ rev: 2, stage: 'issued', published_at: '2026-11-22T06:04:00Z', ...changes })

function signedIn(acts_for: 'site' | 'county' | 'city' | 'province', duties: Duty[] = ALL): void {
  account.state = 'in'
  account.session = { name: 'li', role: 'duty', scope: '510600', duties, acts_for }
}

afterEach(() => {
  account.session = null
  account.state = 'unknown'
  warnings.clear()
})

describe('what a person may do', () => {
  test('a city issues or lifts what is proposed to it, and then receives it, once', () => {
    signedIn('city')
    expect(offered(warning())).toEqual(['issue', 'lift'])
    expect(offered(issued())).toEqual(['receipt', 'handle', 'feedback', 'adjust', 'lift'])
    const received = issued({ stage: 'received', receipts: { county: null, city: { by: 'li', at: '' }, province: null } })
    expect(offered(received)).not.toContain('receipt')
    expect(offered(issued({ stage: 'lifted', lift: { by: 'li', at: '', reason: '', active: [] } }))).toEqual([])
  })

  test("a county neither issues nor lifts a city's warning, but receives and handles it", () => {
    signedIn('county')
    expect(offered(warning())).toEqual([])
    expect(offered(issued())).toEqual(['receipt', 'handle', 'feedback'])
    expect(offered(warning({ government: 'county' }))).toEqual(['issue', 'lift'])
  })

  test('an enterprise gives feedback, a viewer nothing, and neither is waited for', () => {
    signedIn('site', ['feedback'])
    expect(offered(issued())).toEqual(['feedback'])
    expect(waitsForMe(issued())).toBe(false)
    signedIn('site', [])
    expect(offered(issued())).toEqual([])
  })

  test('what is being reported on is handled no more', () => {
    signedIn('city')
    expect(offered(issued({ stage: 'feedback' }))).not.toContain('handle')
  })
})

test('the words of the law that are still to be said are named in its order', () => {
  expect(missing(warning())).toEqual([])
  expect(missing(warning({ issuer: ' ', cautions: '', starts_at: null }))).toEqual(['starts_at', 'cautions', 'issuer'])
})

test('the list begins with what waits for the reader, then the gravest, then the newest', () => {
  signedIn('county')
  const rows = [
    warning({ id: 'red-of-the-city' }),
    warning({ id: 'blue-of-mine', level: 'blue', government: 'county' }),
    warning({ id: 'yellow-old', level: 'yellow', t_proposed: '2026-11-22T05:00:00Z' }),
    warning({ id: 'yellow-new', level: 'yellow' }),
  ]
  expect(ordered(rows, waitsForMe).map(({ id }) => id)).toEqual(['blue-of-mine', 'red-of-the-city', 'yellow-new', 'yellow-old'])
})

describe('the store', () => {
  test('takes newer revisions only, and a snapshot in place of everything', () => {
    const store = new WarningStore()
    store.apply([warning({ rev: 3, level: 'orange' }), warning({ id: 'gone' })])
    store.apply([warning({ rev: 2 })])
    expect(store.get('01W1')?.level).toBe('orange')
    store.replace([warning({ rev: 2 })])
    expect(store.get('01W1')?.level).toBe('orange')
    expect(store.get('gone')).toBeUndefined()
  })

  test('tells of what came or moved a stage, and not of a revision within a stage or of the same snapshot again', () => {
    const store = new WarningStore()
    const heard: string[] = []
    store.onChanges((fresh) => heard.push(...fresh.map(({ id, stage }) => `${id} ${stage}`)))
    store.replace([warning()])
    store.apply([warning({ rev: 2 })])
    store.replace([warning({ rev: 2 })])
    store.apply([issued({ rev: 3 })])
    expect(heard).toEqual(['01W1 proposed', '01W1 issued'])
  })

  test('keeps a bounded number of lifted ones, and none of them among the open', () => {
    const store = new WarningStore()
    const lift = { by: 'li', at: '', reason: '', active: [] }
    for (let n = 0; n < 130; n += 1) store.apply([warning({ id: `w${n}`, stage: 'lifted', lift })])
    expect(store.open.value).toEqual([])
    expect([store.get('w0'), store.get('w129')?.id]).toEqual([undefined, 'w129'])
  })
})

test('what changed since it was seen is said in words', () => {
  expect(difference(warning(), issued({ level: 'orange', area: '下风向 2 km' }))).toEqual(['待发布 → 已发布', '红色（一级） → 橙色（二级）', '可能影响的范围'])
  expect(difference(issued(), issued({ rev: 3, published_at: '2026-11-22T06:20:00Z' }))).toEqual(['重新发布'])
  expect(difference(issued(), issued({ rev: 3 }))).toEqual([])
})

describe('a deed', () => {
  const sent: Array<{ key: string; body: unknown }> = []
  let answers: Array<() => Promise<Response>> = []
  beforeEach(() => {
    sent.length = 0
    signedIn('city')
    vi.stubGlobal('fetch', (_: URL, { headers, body }: { headers: Record<string, string>; body: string }) => {
      sent.push({ key: headers['Idempotency-Key'] ?? '', body: JSON.parse(body) })
      return (answers.shift() ?? (() => Promise.reject(new Error('no answer'))))()
    })
  })
  afterEach(() => vi.unstubAllGlobals())
  const answer = (status: number, body: unknown) => () => Promise.resolve(new Response(JSON.stringify(body), { status }))

  test('whose answer is lost is sent again under the same key, by itself and by the person', async () => {
    answers = []
    expect(await perform(issued(), 'handle', { note: '派人' })).toMatchObject({ kind: 'refused' })
    answers = [answer(200, issued({ rev: 3, stage: 'handling' }))]
    expect(await perform(issued(), 'handle', { note: '派人' })).toMatchObject({ kind: 'done', warning: { rev: 3 } })
    expect(sent).toHaveLength(3)
    expect(new Set(sent.map(({ key }) => key)).size).toBe(1)
    expect(sent[0]?.body).toEqual({ rev: 2, note: '派人' })
    expect(warnings.get('01W1')?.stage).toBe('handling')
  })

  test('that says something else has another key', async () => {
    answers = [answer(409, { detail: 'no' }), answer(409, { detail: 'no' })]
    await perform(issued(), 'handle', { note: '一' })
    await perform(issued(), 'handle', { note: '二' })
    expect(sent[0]?.key).not.toBe(sent[1]?.key)
  })

  test('that does not fit shows the warning as it is now', async () => {
    answers = [answer(409, { detail: 'changed', warning: issued({ rev: 4, level: 'orange' }) })]
    expect(await perform(issued(), 'lift', {})).toMatchObject({ kind: 'conflict', active: false, now: { level: 'orange' } })
    expect(warnings.get('01W1')?.rev).toBe(4)
  })

  test('of lifting is told apart where nothing changed: its alarms are still active', async () => {
    answers = [answer(409, { detail: 'cannot lift this warning: 1 of its alarms still active', warning: issued() })]
    expect(await perform(issued(), 'lift', {})).toMatchObject({ kind: 'conflict', active: true })
  })

  test('that is not allowed is said in words', async () => {
    answers = [answer(403, { detail: 'a red warning is a city’s' })]
    expect(await perform(issued(), 'adjust', { note: '升级', level: 'red' })).toEqual({ kind: 'refused', why: '您的角色或所代表的层级不能这样做' })
  })
})

test('an instant goes through its input in the zone of the site and comes back', () => {
  expect(toSiteInput('2026-11-22T16:05:30Z')).toBe('2026-11-23T00:05')
  expect(fromSiteInput('2026-11-23T00:05')).toBe('2026-11-22T16:05:00.000Z')
  expect(fromSiteInput('')).toBeNull()
})
