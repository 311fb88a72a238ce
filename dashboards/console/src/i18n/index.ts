/** Two catalogues with the same keys; `{name}` placeholders as Python's format_map reads them. */
import { ref } from 'vue'
import type { Tier } from '../contract'
import zh from './zh-CN.json'
import en from './en.json'

export const LOCALES = ['zh-CN', 'en'] as const
export type Locale = (typeof LOCALES)[number]
export type Key = keyof typeof zh

const catalogues: Record<Locale, Record<string, string>> = { 'zh-CN': zh, en }
export const locale = ref<Locale>('zh-CN')

export function t(key: Key, named: Record<string, string | number> = {}): string {
  return catalogues[locale.value][key]!.replace(/\{(\w+)\}/g, (_, name: string) => String(named[name] ?? ''))
}

/** Translate a code that came from the server; a code we do not know is shown as it came. */
export function word(prefix: string, code: string | null | undefined): string {
  if (code === null || code === undefined) return ''
  return catalogues[locale.value][`${prefix}.${code}`] ?? code
}

/** A tier by number and colour, as the handbook names it: `Tier 1 red`. */
export function tierText(tier: Tier): string {
  return t('tier.coloured', { tier: word('tier', tier), colour: word('tier_colour', tier) })
}
