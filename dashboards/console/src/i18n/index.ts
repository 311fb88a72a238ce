/** Two catalogues with the same keys, Chinese at hand and English when asked for; `{name}` placeholders as Python's format_map reads them. */
import { ref } from 'vue'
import type { Tier } from '../contract'
import zh from './zh-CN.json'

export const LOCALES = ['zh-CN', 'en'] as const
export type Locale = (typeof LOCALES)[number]
export type Key = keyof typeof zh

let catalogue: Record<string, string> = zh
export const locale = ref<Locale>('zh-CN')
let wanted: Locale = 'zh-CN'

/** Change the language once its catalogue is there; where it cannot be had, the present one stays. */
export async function speak(asked: Locale): Promise<void> {
  wanted = asked
  const found = asked === 'zh-CN' ? zh : (await import('./en.json')).default
  if (wanted !== asked) return
  catalogue = found
  locale.value = asked
}

export function t(key: Key, named: Record<string, string | number> = {}): string {
  void locale.value
  return catalogue[key]!.replace(/\{(\w+)\}/g, (_, name: string) => String(named[name] ?? ''))
}

/** Translate a code that came from the server; a code we do not know is shown as it came. */
export function word(prefix: string, code: string | null | undefined): string {
  if (code === null || code === undefined) return ''
  void locale.value
  return catalogue[`${prefix}.${code}`] ?? code
}

/** A tier by number and colour, as the handbook names it: `Tier 1 red`. */
export function tierText(tier: Tier): string {
  return t('tier.coloured', { tier: word('tier', tier), colour: word('tier_colour', tier) })
}
