/** What an operator does to alarms: shown at once as being done, true only when the server has said so. */
import { reactive } from 'vue'
import { act, idempotencyKey, Refusal, type ActionBody, type ActionName } from '../api'
import type { Alarm, Pending } from '../contract'
import { t, tierText, word } from '../i18n'
import { link, serverNow } from '../link/feed'
import { toast } from '../parts/toasts'
import { account, rights, sessionEnded } from '../session'
import { isHidden, tagOf } from './order'
import { alarms } from './store'

/** Alarm id to the action under way. */
export const underWay = reactive(new Map<string, ActionName>())
/** Alarm id to what waits for a second person, as this page last heard: the stream does not tell. */
const requests = reactive(new Map<string, Pending>())

/** Remember what the server says waits for a second person on an alarm, until it lapses. */
export function rememberRequest(id: string, pending: Pending | null): void {
  const left = pending === null ? 0 : Date.parse(pending.expires_at) - serverNow()
  if (pending === null || !(left > 0)) {
    requests.delete(id)
    return
  }
  requests.set(id, pending)
  const mine = requests.get(id)
  setTimeout(() => requests.get(id) === mine && requests.delete(id), left)
}

/** What waits for a second person; null if nothing does, or the alarm has moved on since. */
export function awaited(alarm: Alarm): Pending | null {
  const pending = requests.get(alarm.id)
  if (pending === undefined || alarm.t_closed !== null || alarm.tier !== 'red') return null
  return (pending.action === 'unshelve') === (alarm.state === 'SHLVD') ? pending : null
}

export function canAct(action: ActionName): boolean {
  return rights.value.has(action) && (link.state === 'live' || link.state === 'late' || link.state === 'syncing')
}

export function canAcknowledge(alarm: Alarm): boolean {
  return canAct('acknowledge') && alarm.t_closed === null && alarm.acks.site === null && !underWay.has(alarm.id)
}

export function canShelve(alarm: Alarm): boolean {
  return canAct('shelve') && alarm.t_closed === null && !isHidden(alarm) && !underWay.has(alarm.id) && shelveMostS(alarm) > 0
}

/** An operator lifts only their own shelving; the server keeps to that as well. */
export function canUnshelve(alarm: Alarm): boolean {
  if (!canAct('unshelve') || alarm.state !== 'SHLVD' || underWay.has(alarm.id)) return false
  const me = account.session
  return me?.role !== 'operator' || !alarm.shelf || alarm.shelf.by === me.name
}

export function canComment(alarm: Alarm): boolean {
  return canAct('comment') && alarm.t_closed === null
}

/** Acknowledge the selection; among several, a red one is left: it is acknowledged alone. */
export async function acknowledge(selected: Alarm[]): Promise<void> {
  const chosen = selected.filter(canAcknowledge)
  const allowed = chosen.length > 1 ? chosen.filter((alarm) => alarm.tier !== 'red') : chosen
  if (allowed.length < chosen.length) toast('note', t('ack.red_alone', { n: chosen.length - allowed.length }))
  await Promise.all(allowed.map((alarm) => perform(alarm, 'acknowledge', {})))
}

export async function comment(selected: Alarm[], note: string): Promise<boolean> {
  const done = await Promise.all(selected.filter(canComment).map((alarm) => perform(alarm, 'comment', { note })))
  return done.every(Boolean)
}

/** How long an alarm can be shelved at most, s. */
export function shelveMostS(alarm: Alarm): number {
  return alarm.shelve_max_s ?? (alarm.tier === 'red' ? 3600 : 28_800)
}

/** Only what is active can be shelved until it clears. */
export function canShelveUntilClear(alarm: Alarm): boolean {
  return canShelve(alarm) && alarm.active
}

/** Shelve the selection until a time; `one_shot`: until each clears, and no longer than that. */
export async function shelve(selected: Alarm[], wish: { until: string; note: string; one_shot: boolean }): Promise<boolean> {
  const done = await Promise.all(selected.filter(canShelve).map((alarm) => perform(alarm, 'shelve', wish)))
  return done.every(Boolean)
}

export async function unshelve(selected: Alarm[]): Promise<void> {
  await Promise.all(selected.filter(canUnshelve).map((alarm) => perform(alarm, 'unshelve', {})))
}

/** Do one action; true when the server took it. A lost answer is asked again under the same key. */
async function perform(alarm: Alarm, action: ActionName, more: Omit<ActionBody, 'rev'>): Promise<boolean> {
  const key = idempotencyKey()
  underWay.set(alarm.id, action)
  try {
    const answer = await twice(() => act(alarm.id, action, { rev: alarm.rev, ...more }, key))
    if (answer.kind === 'pending') {
      rememberRequest(alarm.id, answer.pending)
      toast('note', t('action.pending', { tag: tagOf(alarm), action: word('action', action) }))
    } else {
      if (action === 'shelve' || action === 'unshelve') rememberRequest(alarm.id, null)
      if (answer.alarm !== null) alarms.apply([{ alarm: answer.alarm, type: action }])
    }
    return true
  } catch (error) {
    report(alarm, action, error)
    return false
  } finally {
    underWay.delete(alarm.id)
  }
}

async function twice<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (error instanceof Refusal && error.problem.status === 0) return call()
    throw error
  }
}

function report(alarm: Alarm, action: ActionName, error: unknown): void {
  const tag = tagOf(alarm)
  const problem = error instanceof Refusal ? error.problem : { status: 0, title: String(error) }
  if (problem.status === 401) {
    sessionEnded()
    toast('error', t('error.session_ended'))
  } else if (problem.status === 409) {
    const now = error instanceof Refusal ? error.problem.alarm : undefined
    if (now) alarms.apply([{ alarm: now, type: 'conflict' }])
    toast('error', t('error.conflict', { tag, what: now ? difference(alarm, now) : (problem.title ?? '') }))
  } else if (problem.status === 403) {
    toast('error', t('error.forbidden', { action: word('action', action), tag }))
  } else {
    const why = (error instanceof Error && error.message) || String(problem.status)
    toast('error', t('error.action', { action: word('action', action), tag, why }))
  }
}

/** Say in words what changed between the alarm that was seen and the one that is. */
export function difference(seen: Alarm, now: Alarm): string {
  if (now.t_closed !== null) return t('error.closed')
  const changes: string[] = []
  if (seen.tier !== now.tier) changes.push(`${tierText(seen.tier)} → ${tierText(now.tier)}`)
  if (seen.state !== now.state) changes.push(`${word('state', seen.state)} → ${word('state', now.state)}`)
  const by = now.acks.site?.by
  if (by && !seen.acks.site) changes.push(t('error.acked_by', { by }))
  if (changes.length > 0) return changes.join(', ')
  return t(now.rev > seen.rev && now.active ? 'error.alarmed_again' : 'error.changed')
}
