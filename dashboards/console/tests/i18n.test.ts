import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import en from '../src/i18n/en.json'
import zh from '../src/i18n/zh-CN.json'
import { speak, t, word } from '../src/i18n'

const placeholders = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string).sort()

test('both catalogues have the same keys', () => {
  expect(Object.keys(en).sort()).toEqual(Object.keys(zh).sort())
})

test.each(Object.keys(zh) as (keyof typeof zh)[])('%s has the same placeholders in both languages and is not empty', (key) => {
  expect(placeholders(en[key])).toEqual(placeholders(zh[key]))
  expect(zh[key].trim()).not.toBe('')
  expect(en[key].trim()).not.toBe('')
})

test('every key that is written out in the sources exists', () => {
  const sources = path.join(import.meta.dirname, '..', 'src')
  const keys = new Set(Object.keys(zh))
  for (const file of readdirSync(sources, { recursive: true }) as string[]) {
    const full = path.join(sources, file)
    if (!/\.(vue|ts)$/.test(file) || !statSync(full).isFile()) continue
    for (const [, key] of readFileSync(full, 'utf8').matchAll(/\bt\('([\w.]+)'/g)) expect(keys, `${key} in ${file}`).toContain(key)
  }
})

test('a code that came from the server and is not known is shown as it came', () => {
  expect(word('state', 'NEW_STATE')).toBe('NEW_STATE')
  expect(word('state', null)).toBe('')
})

test('the language changes every text', async () => {
  await speak('en')
  expect(t('list.new', { n: 3 })).toBe('3 new alarms')
  await speak('zh-CN')
  expect(t('list.new', { n: 3 })).toBe('3 条新报警')
})

test('the language asked for last is spoken, whichever catalogue comes first', async () => {
  await Promise.all([speak('en'), speak('zh-CN')])
  expect(t('list.new', { n: 3 })).toBe('3 条新报警')
})
