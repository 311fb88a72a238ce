/** What the person looks at, as it stands in the address: query parameters read and patched, theme and language. */
import { computed, watch } from 'vue'
import { createRouter, createWebHashHistory, type LocationQueryValue } from 'vue-router'
import AlarmsPage from './views/AlarmsPage.vue'
import { LOCALES, locale, speak, type Locale } from './i18n'

export const THEMES = ['grey', 'dark'] as const
export type Theme = (typeof THEMES)[number]

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: '/', name: 'alarms', component: AlarmsPage },
    { path: '/area/:path(.*)*', name: 'area', component: () => import('./views/AreaPage.vue') },
    { path: '/warnings/:id?', name: 'warnings', component: () => import('./views/WarningsPage.vue') },
    { path: '/kpi', name: 'kpi', component: () => import('./views/KpiPage.vue') },
    { path: '/gateways/:id?', name: 'gateways', component: () => import('./views/GatewaysPage.vue') },
    { path: '/:rest(.*)*', redirect: '/' },
  ],
})

const first = (value: LocationQueryValue | LocationQueryValue[] | undefined): string | undefined =>
  (Array.isArray(value) ? value[0] : value) ?? undefined

export function parameter(name: string): string | undefined {
  return first(router.currentRoute.value.query[name])
}

/** Change parameters of the address in place; an empty one is removed. */
export function patch(changes: Record<string, string | undefined>): void {
  const query = { ...router.currentRoute.value.query }
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === '') delete query[name]
    else query[name] = value
  }
  void router.replace({ path: router.currentRoute.value.path, query })
}

/** The parameters that follow a person from page to page. */
export function carried(): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const name of ['lang', 'theme']) {
    const value = parameter(name)
    if (value !== undefined) kept[name] = value
  }
  return kept
}

export const theme = computed<Theme>(() => THEMES.find((known) => known === (parameter('theme') ?? stored('theme'))) ?? 'grey')

export function setTheme(value: Theme): void {
  store('theme', value)
  patch({ theme: value })
}

export function setLocale(value: Locale): void {
  store('lang', value)
  patch({ lang: value })
}

function askedLocale(): Locale {
  const asked = parameter('lang') ?? stored('lang')
  return LOCALES.find((known) => known === asked || known.split('-')[0] === asked) ?? 'zh-CN'
}

/** Keep document, catalogue and address in step; resolves once the first language is spoken. */
export async function followAddress(): Promise<void> {
  watch(theme, (now) => (document.documentElement.dataset.theme = now), { immediate: true })
  watch(locale, (now) => (document.documentElement.lang = now), { immediate: true })
  const follow = (): Promise<void> => speak(askedLocale()).catch(() => undefined)
  watch(askedLocale, follow)
  await follow()
}

function stored(name: string): string | undefined {
  try {
    return localStorage.getItem(`fengsui.${name}`) ?? undefined
  } catch {
    return undefined
  }
}

function store(name: string, value: string): void {
  try {
    localStorage.setItem(`fengsui.${name}`, value)
  } catch {
    // Private windows may refuse storage; the address still carries the choice.
  }
}
