/** REST calls to our own origin, relative to the page so that any sub-path works. */
import type {
  Alarm, Duty, EarlyWarning, Enterprise, Gateway, GatewayDetail, GatewayHistory, Issued, JournalRow, Notification, Pending, Point,
  Preview, Problem, ReadingRows, Region, Session, SignInWays, Source, WarningDraft, WarningEntry, WarningWish,
} from './contract'
import type { Performance } from './kpi/figures'

const PAGE = 1000
const MOST_PAGES = 20
/** A server that has not begun to answer by then counts as unreachable. */
const PATIENCE_MS = 15_000

export class Refusal extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.title ?? String(problem.status))
  }
}

/** Where the server's paths begin: the folder this page was loaded from. */
export function address(path: string): URL {
  return new URL(path, document.baseURI.replace(/#.*$/, ''))
}

export function socketAddress(path: string): string {
  const url = address(path)
  url.protocol = url.protocol.replace('http', 'ws')
  return url.href
}

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const mutation = method !== 'GET'
  let answer: Response
  const patience = new AbortController()
  const timer = setTimeout(() => patience.abort(), PATIENCE_MS)
  try {
    answer = await fetch(address(`api/v1/${path}`), {
      method,
      credentials: 'same-origin',
      signal: patience.signal,
      headers: {
        Accept: 'application/json',
        ...(mutation ? { 'X-Fengsui': '1' } : {}),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
  } catch (error) {
    throw new Refusal({ status: 0, title: String(error) })
  } finally {
    clearTimeout(timer)
  }
  if (answer.ok) return answer
  const text = await answer.text()
  let problem: Partial<Problem> = {}
  try {
    problem = JSON.parse(text) as Partial<Problem>
  } catch {
    problem = { title: text.slice(0, 200) }
  }
  throw new Refusal({ ...problem, status: answer.status })
}

async function get<T>(path: string): Promise<T> {
  return (await (await call('GET', path)).json()) as T
}

async function items<T>(path: string): Promise<T[]> {
  const found: T[] = []
  let cursor: string | null = null
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const mark: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const answer: { items: T[]; next?: string | null } = await get(`${path}${path.includes('?') ? '&' : '?'}limit=${PAGE}${mark}`)
    found.push(...answer.items)
    cursor = answer.next ?? null
    if (cursor === null) break
  }
  return found
}

export const session = {
  read: () => get<Session>('session'),
  /** Whether the organisation's provider is another way in; no answer is no such way. */
  hasProvider: async (): Promise<boolean> => {
    try {
      return (await get<SignInWays>('session/ways')).oidc
    } catch {
      return false
    }
  },
  signIn: async (name: string, password: string): Promise<void> => {
    await call('POST', 'session', { name, password })
  },
  signOut: async (): Promise<void> => {
    await call('DELETE', 'session')
  },
}

export type ActionName = 'acknowledge' | 'comment' | 'shelve' | 'unshelve'

export interface ActionBody {
  rev: number
  note?: string
  until?: string
  /** Of a shelving: it ends when the alarm clears, at `until` at the latest. */
  one_shot?: boolean
}

export type ActionAnswer = { kind: 'done'; alarm: Alarm | null } | { kind: 'pending'; pending: Pending | null }

/** Act on an alarm. The key makes a repeated call after a lost answer count once. */
export async function act(id: string, action: ActionName, body: ActionBody, key: string): Promise<ActionAnswer> {
  const answer = await call('POST', `alarms/${encodeURIComponent(id)}/${action}`, body, { 'Idempotency-Key': key })
  if (answer.status === 202) return { kind: 'pending', pending: ((await answer.json()) as { pending?: Pending }).pending ?? null }
  const document = answer.status === 204 ? null : ((await answer.json()) as Partial<Alarm>)
  return { kind: 'done', alarm: document?.id === id && document.rev !== undefined ? (document as Alarm) : null }
}

/** A random key that needs no secure context, since intranets often speak plain HTTP. */
export function idempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export const alarm = (id: string): Promise<Alarm> => get(`alarms/${encodeURIComponent(id)}`)
/** An alarm's whole story comes in one answer: the address takes no page size. */
export const journal = async (id: string): Promise<JournalRow[]> =>
  (await get<{ items: JournalRow[] }>(`alarms/${encodeURIComponent(id)}/journal`)).items
export const regions = (): Promise<Region[]> => items('regions?used=true')
export const enterprises = (): Promise<Enterprise[]> => items('enterprises')
export const sources = (): Promise<Source[]> => items('sources')
export const gateways = (): Promise<Gateway[]> => items('gateways')
export const gateway = (id: string): Promise<GatewayDetail> => get(`gateways/${encodeURIComponent(id)}`)

export function gatewayHistory(id: string, from: number, to: number): Promise<GatewayHistory> {
  const query = new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(to).toISOString() })
  return get(`gateways/${encodeURIComponent(id)}/history?${query}`)
}

/** Ask what would become of a message; nothing is published or stored. */
export const preview = async (id: string, asked: { sample: string; dialect?: string }): Promise<Preview> =>
  (await (await call('POST', `gateways/${encodeURIComponent(id)}/preview`, asked)).json()) as Preview

/** A new password, shown this once; a gateway without one is let in for the first time. */
export async function issue(id: string, enterprise: string, again: boolean): Promise<Issued> {
  const answer = again
    ? await call('POST', `gateways/${encodeURIComponent(id)}/rotate`)
    : await call('POST', 'gateways', { id, enterprise })
  return (await answer.json()) as Issued
}

/** Take a gateway's password and certificates away; the answer says whether the broker was told. */
export const revoke = async (id: string): Promise<{ closed: boolean; told: string[] }> =>
  (await (await call('POST', `gateways/${encodeURIComponent(id)}/revoke`)).json()) as { closed: boolean; told: string[] }

export function points(of: { enterprise: string; source?: string; unit?: string; tag?: string }): Promise<Point[]> {
  const query = new URLSearchParams(Object.entries(of).filter(([, value]) => value !== undefined) as string[][])
  return items(`points?${query}`)
}

export function readings(enterprise: string, tag: string, from: number, to: number): Promise<ReadingRows> {
  const id = encodeURIComponent(`${enterprise}:${tag}`)
  const query = new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(to).toISOString() })
  return get(`points/${id}/readings?${query}`)
}

export const warning = (id: string): Promise<EarlyWarning> => get(`warnings/${encodeURIComponent(id)}`)
export const warningJournal = (id: string): Promise<WarningEntry[]> => items(`warnings/${encodeURIComponent(id)}/journal`)

/** A page of the warnings that are over, the newest proposed first; `next` leads to the following one. */
export function pastWarnings(cursor: string | null, limit: number): Promise<{ items: EarlyWarning[]; next: string | null }> {
  return get(`warnings?open=false&limit=${limit}${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`)
}

/** Act on a warning. The key makes a repeated call count once. */
export const warn = async (id: string, duty: Duty, wish: WarningWish, key: string): Promise<EarlyWarning> =>
  (await (await call('POST', `warnings/${encodeURIComponent(id)}/${duty}`, wish, { 'Idempotency-Key': key })).json()) as EarlyWarning

export const draftWarning = async (draft: WarningDraft, key: string): Promise<EarlyWarning> =>
  (await (await call('POST', 'warnings', draft, { 'Idempotency-Key': key })).json()) as EarlyWarning

export function performance(from: number, to: number, region: string | undefined): Promise<Performance> {
  const query = new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(to).toISOString() })
  if (region !== undefined) query.set('region', region)
  return get(`kpi?${query}`)
}

/** Where the report of a span is read, printed or taken as a sheet; `at` lies within the span, ms. */
export function reportAddress(span: string, form: 'html' | 'pdf' | 'csv', at: number, region: string | undefined, lang: 'zh' | 'en'): string {
  const query = new URLSearchParams({ at: new Date(at).toISOString(), lang })
  if (region !== undefined) query.set('region', region)
  return address(`api/v1/reports/${span}.${form}?${query}`).href
}

/** Who was told of an alarm or a warning, the newest first: one page is enough for a screen. */
export const notifications = async (id: string): Promise<Notification[]> =>
  (await get<{ items: Notification[] }>(`notifications?alarm=${encodeURIComponent(id)}`)).items
