import { afterEach, expect, test, vi } from 'vitest'
import { createApp, nextTick } from 'vue'
import SignInForm from '../src/views/SignInForm.vue'

afterEach(() => vi.unstubAllGlobals())

/** Show the form to somebody whose server answers this to "which ways are there". */
async function shown(answer: () => Promise<Response>): Promise<HTMLElement> {
  vi.stubGlobal('fetch', answer)
  const place = document.createElement('div')
  createApp(SignInForm).mount(place)
  await vi.waitFor(async () => {
    await nextTick()
    expect(place.querySelector('form')).not.toBeNull()
  })
  await new Promise((done) => setTimeout(done))
  await nextTick()
  return place
}

const ways = (oidc: boolean) => async () => new Response(JSON.stringify({ password: true, oidc }))

test("where the organisation's provider is configured the form leads there, beside the password", async () => {
  const place = await shown(ways(true))
  expect(place.querySelector('a')?.getAttribute('href')).toMatch(/\/api\/v1\/session\/oidc$/)
  expect(place.querySelector('input[type=password]')).not.toBeNull()
})

test('where none is configured, or nobody answers, there is the password only', async () => {
  expect((await shown(ways(false))).querySelector('a')).toBeNull()
  expect((await shown(() => Promise.reject(new Error('away')))).querySelector('a')).toBeNull()
})

test.each([
  [{ why: 'scope_names_nothing' }, '权限范围'],
  [{}, '用户名或密码不正确'],
])('somebody refused with %j reads why', async (told, words) => {
  const place = await shown(ways(false))
  const problem = { status: 401, detail: '…', ...told }
  vi.stubGlobal('fetch', async () => new Response(JSON.stringify(problem), { status: 401 }))
  place.querySelector('form')!.dispatchEvent(new Event('submit'))
  await vi.waitFor(() => expect(place.querySelector('[role=alert]')?.textContent).toContain(words))
})
