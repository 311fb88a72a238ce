import { afterEach, expect, test, vi } from 'vitest'
import { enterprises, journal } from '../src/api'

afterEach(() => vi.unstubAllGlobals())

function asked(): string[] {
  const addresses: string[] = []
  vi.stubGlobal('fetch', async (address: string) => {
    addresses.push(String(address))
    return new Response(JSON.stringify({ items: [], next: null }))
  })
  return addresses
}

test("an alarm's journal is asked for without parameters its address does not know", async () => {
  const addresses = asked()
  expect(await journal('01K1')).toEqual([])
  expect(addresses).toEqual([expect.stringMatching(/alarms\/01K1\/journal$/)])
})

test('a list is asked for page by page', async () => {
  const addresses = asked()
  await enterprises()
  expect(addresses).toEqual([expect.stringMatching(/enterprises\?limit=\d+$/)])
})
