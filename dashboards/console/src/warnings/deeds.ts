/** What people do to warnings: which deeds are theirs now, what is missing, and what became of a deed. */
import { reactive } from 'vue'
import { draftWarning, idempotencyKey, Refusal, warn } from '../api'
import { DUTIES, GOVERNMENTS, ORG_LEVELS, type Alarm, type Duty, type EarlyWarning, type Government, type Notice, type Stage, type WarningDraft, type WarningWish } from '../contract'
import { t, word } from '../i18n'
import { link } from '../link/feed'
import { account, duties, sessionEnded } from '../session'
import { warnings } from './store'

const STANDS: readonly Stage[] = ['issued', 'received', 'handling', 'feedback']
/** In which stages a deed fits, as the server judges it. */
const FITS: Record<Duty, readonly Stage[]> = {
  issue: ['proposed'],
  receipt: STANDS,
  handle: ['issued', 'received', 'handling'],
  feedback: STANDS,
  adjust: STANDS,
  lift: ['proposed', ...STANDS],
}
/** What a warning says in words, in the order of the law; level and time of publication are not words. */
export const WORDS = ['category', 'starts_at', 'area', 'cautions', 'measures', 'issuer'] as const satisfies ReadonlyArray<keyof Notice>

/** Warnings with a deed on its way. */
export const underWay = reactive(new Set<string>())

export function stands(warning: EarlyWarning): boolean {
  return STANDS.includes(warning.stage)
}

export function fits(duty: Duty, warning: EarlyWarning): boolean {
  return FITS[duty].includes(warning.stage)
}

/** Whether the warning is this person's to issue, adjust and lift: their government's, or one's below it. */
export function isMine(warning: EarlyWarning): boolean {
  return ORG_LEVELS.indexOf(account.session?.acts_for ?? 'site') >= ORG_LEVELS.indexOf(warning.government)
}

/** For which government this person gives receipts. */
export function myGovernment(): Government | null {
  return GOVERNMENTS.find((level) => level === account.session?.acts_for) ?? null
}

/** What this person may do to the warning as it is, in the contract's order. */
export function offered(warning: EarlyWarning): Duty[] {
  const mine = myGovernment()
  return DUTIES.filter((duty) => {
    if (!duties.value.has(duty) || !fits(duty, warning)) return false
    if (duty === 'receipt') return mine !== null && warning.receipts[mine] === null
    return duty === 'handle' || duty === 'feedback' || isMine(warning)
  })
}

/** Whether it waits for this person: to be issued by them, or received for their level. */
export function waitsForMe(warning: EarlyWarning): boolean {
  return offered(warning).some((duty) => duty === 'issue' || duty === 'receipt')
}

export function canAct(): boolean {
  return account.state === 'in' && link.state !== 'lost' && link.state !== 'connecting'
}

/** Which words of the law are still to be said. */
export function missing(notice: Notice): Array<(typeof WORDS)[number]> {
  return WORDS.filter((name) => (notice[name] ?? '').trim() === '')
}

export type Outcome =
  | { kind: 'done'; warning: EarlyWarning }
  /** It does not fit what the warning is now; `active` of its alarms are still active and no reason was given. */
  | { kind: 'conflict'; now: EarlyWarning | null; active: boolean; why: string }
  | { kind: 'refused'; why: string }

/** One key a deed and body: however often it is sent, it counts once. */
const keys = new Map<string, string>()

export async function perform(warning: EarlyWarning, duty: Duty, wish: Omit<WarningWish, 'rev'>): Promise<Outcome> {
  const body = { rev: warning.rev, ...wish }
  const outcome = await once(`${warning.id} ${duty} ${JSON.stringify(body)}`, (key) => warn(warning.id, duty, body, key), warning.id)
  // Nobody has changed what was seen, and the deed fits its stage: then its alarms are the reason.
  if (outcome.kind === 'conflict' && duty === 'lift' && outcome.now !== null && fits('lift', outcome.now)) {
    return { ...outcome, active: outcome.now.rev === warning.rev || difference(warning, outcome.now).length === 0 }
  }
  return outcome
}

export function propose(draft: WarningDraft): Promise<Outcome> {
  return once(`draft ${JSON.stringify(draft)}`, (key) => draftWarning(draft, key), 'draft')
}

async function once(deed: string, send: (key: string) => Promise<EarlyWarning>, of: string): Promise<Outcome> {
  const key = keys.get(deed) ?? idempotencyKey()
  keys.set(deed, key)
  underWay.add(of)
  try {
    const warning = await twice(() => send(key))
    keys.delete(deed)
    warnings.apply([warning])
    return { kind: 'done', warning }
  } catch (error) {
    const problem = error instanceof Refusal ? error.problem : { status: 0, title: String(error), detail: undefined, warning: undefined }
    const why = problem.detail ?? problem.title ?? String(problem.status)
    // An answer that never came may still have been a deed: the same words go under the same key again.
    if (problem.status !== 0) keys.delete(deed)
    if (problem.status === 401) {
      sessionEnded()
      return { kind: 'refused', why: t('error.session_ended') }
    }
    if (problem.status === 403) return { kind: 'refused', why: t('warning.forbidden') }
    if (problem.status !== 409) return { kind: 'refused', why }
    const now = problem.warning ?? null
    if (now !== null) warnings.apply([now])
    return { kind: 'conflict', now, active: false, why }
  } finally {
    underWay.delete(of)
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

/** Say in words what changed between the warning that was seen and the one that is. */
export function difference(seen: EarlyWarning, now: EarlyWarning): string[] {
  const changes: string[] = []
  if (seen.stage !== now.stage) changes.push(`${word('stage', seen.stage)} → ${word('stage', now.stage)}`)
  if (seen.level !== now.level) changes.push(`${word('warning_level', seen.level)} → ${word('warning_level', now.level)}`)
  for (const name of WORDS) if (seen[name] !== now[name]) changes.push(word('warning.field', name))
  if (seen.published_at !== now.published_at && seen.published_at !== null) changes.push(t('warning.adjusted_since'))
  return changes
}

/** Which alarms behind it are still active, of those this page knows. */
export function activeBehind(warning: EarlyWarning, alarm: (id: string) => Alarm | undefined): Alarm[] {
  return warning.alarms.flatMap((id) => alarm(id) ?? []).filter((one) => one.active && one.t_closed === null)
}
