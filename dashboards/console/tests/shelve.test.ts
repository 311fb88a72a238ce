// @vitest-environment jsdom
import { createApp, nextTick, type App } from 'vue'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { alarm } from './made'

vi.mock('../src/link/feed.worker?worker', () => ({ default: class {} }))
const { account } = await import('../src/session')
const { link } = await import('../src/link/feed')
const { default: ShelveDialog } = await import('../src/parts/ShelveDialog.vue')

const active = alarm({ id: '01A', point: 'A' })
const returned = alarm({ id: '01B', point: 'B', state: 'RTNUN', active: false })
const asked: Array<{ url: string; body: Record<string, unknown> }> = []
let app: App

/** Open the dialog on these alarms; tick 'until it clears' if asked to. */
async function open(chosen: Array<typeof active>, tick: boolean): Promise<HTMLElement> {
  const place = document.createElement('div')
  document.body.append(place)
  app = createApp(ShelveDialog, { chosen })
  app.mount(place)
  await nextTick()
  if (tick) box().click()
  await nextTick()
  return document.body
}

function box(): HTMLInputElement {
  return document.querySelector('input[name="one_shot"]')!
}

async function submit(): Promise<void> {
  document.querySelector('form')!.dispatchEvent(new Event('submit', { cancelable: true }))
  await vi.waitFor(() => expect(asked.length).toBeGreaterThan(0))
}

beforeEach(() => {
  asked.length = 0
  HTMLDialogElement.prototype.showModal ??= () => undefined
  account.state = 'in'
  account.session = { name: 'li', role: 'operator', scope: 'all', actions: ['shelve'] } as never
  link.state = 'live'
  vi.stubGlobal('fetch', async (url: URL | string, options: RequestInit) => {
    asked.push({ url: String(url), body: JSON.parse(String(options.body)) as Record<string, unknown> })
    return new Response(null, { status: 204 })
  })
})
afterEach(() => {
  app.unmount()
  document.body.innerHTML = ''
  vi.unstubAllGlobals()
})

test('ticked, only what is active is shelved until it clears, with a latest time', async () => {
  await open([active, returned], true)
  await submit()
  expect(asked.map(({ url }) => url.replace(/^.*alarms/, ''))).toEqual(['/01A/shelve'])
  expect(asked[0]!.body).toMatchObject({ one_shot: true })
  expect(Date.parse(String(asked[0]!.body.until))).toBeGreaterThan(Date.now())
})

test('not ticked, it is shelved for a time as before', async () => {
  await open([active, returned], false)
  await submit()
  await vi.waitFor(() => expect(asked.length).toBe(2))
  expect(asked.map(({ body }) => body.one_shot)).toEqual([false, false])
})

test('what has cleared cannot be ticked, and what is left out is said', async () => {
  await open([returned], false)
  expect(box().disabled).toBe(true)
  app.unmount()
  document.body.innerHTML = ''
  const page = await open([active, returned], true)
  expect(page.querySelector('[role="status"]')!.textContent).toContain('1')
})

const lengths = (): number[] => [...document.querySelectorAll<HTMLInputElement>('input[name="minutes"]')].map(({ value }) => Number(value))

test('no longer time is offered than the rule of each allows', async () => {
  await open([active, alarm({ id: '01C', point: 'C', tier: 'red' })], false)
  expect(lengths()).toEqual([30, 60])
  app.unmount()
  document.body.innerHTML = ''
  await open([active, alarm({ id: '01D', point: 'D', shelve_max_s: 600 })], false)
  expect(lengths()).toEqual([10])
  await submit()
  expect(Date.parse(String(asked[0]!.body.until)) - Date.now()).toBeLessThan(600_000)
})

test('what its rule lets nobody shelve is left out', async () => {
  await open([active, alarm({ id: '01E', point: 'E', shelve_max_s: 0 })], false)
  expect(lengths()).toEqual([30, 60, 240])
  await submit()
  expect(asked.map(({ url }) => url.replace(/^.*alarms/, ''))).toEqual(['/01A/shelve'])
})
