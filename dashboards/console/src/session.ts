/** Who is signed in, what they may do, and when the session ends; the view outlives the session. */
import { computed, reactive } from 'vue'
import { Refusal, session as api } from './api'
import type { Duty, Session } from './contract'
import { serverNow } from './link/feed'

export const ENDING_SOON_MS = 10 * 60_000

const DEFAULT_ACTIONS: Record<string, readonly string[]> = {
  operator: ['acknowledge', 'comment', 'shelve', 'unshelve'],
  supervisor: ['acknowledge', 'comment', 'shelve', 'unshelve'],
  administrator: ['acknowledge', 'comment', 'shelve', 'unshelve'],
  enterprise: ['acknowledge', 'comment'],
  engineer: ['comment'],
  duty: ['comment'],
}

export const account = reactive({
  /** unknown until the server has been asked once; ended: the view stays, actions ask for the password. */
  state: 'unknown' as 'unknown' | 'out' | 'in' | 'ended',
  session: null as Session | null,
  unreachable: false,
})

export const rights = computed<ReadonlySet<string>>(() => {
  if (account.session === null) return new Set()
  return new Set(account.session.actions ?? DEFAULT_ACTIONS[account.session.role] ?? [])
})

/** What this person may do to warnings: the server says so, and keeps to it. */
export const duties = computed<ReadonlySet<Duty>>(() => new Set(account.session?.duties ?? []))

export function endingSoon(now: number): boolean {
  const end = account.session?.expires_at
  return account.state === 'in' && !!end && Date.parse(end) - now < ENDING_SOON_MS
}

/** Ask the server who we are. An unanswered question changes nothing on the screen. */
export async function readSession(): Promise<void> {
  try {
    account.session = await api.read()
    account.state = 'in'
    account.unreachable = false
  } catch (error) {
    const status = error instanceof Refusal ? error.problem.status : 0
    account.unreachable = status !== 401 && status !== 403
    if (account.unreachable) return
    account.state = account.session === null ? 'out' : 'ended'
  }
}

export async function signIn(name: string, password: string): Promise<void> {
  await api.signIn(name, password)
  await readSession()
}

export async function signOut(): Promise<void> {
  await api.signOut().catch((error: unknown) => {
    if (!(error instanceof Refusal) || error.problem.status !== 401) throw error
  })
  account.session = null
  account.state = 'out'
}

/** An action was refused for want of a session. */
export function sessionEnded(): void {
  if (account.state === 'in') account.state = 'ended'
}

/** Look whether the session has run out by the server's clock. */
export function checkExpiry(): void {
  const end = account.session?.expires_at
  if (account.state === 'in' && end && Date.parse(end) <= serverNow()) void readSession()
}
