/** All open alarms of the session's scope, kept by the push stream; newest revision wins. */
import { computed, shallowRef } from 'vue'
import { TIERS, type Alarm, type Tier } from '../contract'
import type { Change } from '../link/messages'
import { isUnacked } from './order'

const CLOSED_KEPT = 200

export class AlarmStore {
  private readonly byId = new Map<string, Alarm>()
  private readonly closed: string[] = []
  private readonly edition = shallowRef(0)
  private readonly listeners = new Set<(changes: Change[]) => void>()
  /** Whether a snapshot has been received: until then an empty list means nothing. */
  readonly known = shallowRef(false)

  readonly all = computed(() => {
    void this.edition.value
    return [...this.byId.values()]
  })
  readonly open = computed(() => this.all.value.filter((alarm) => alarm.t_closed === null))

  readonly unacked = computed(() => {
    const counts = Object.fromEntries(TIERS.map((tier) => [tier, 0])) as Record<Tier, number>
    for (const alarm of this.open.value) if (isUnacked(alarm)) counts[alarm.tier] += 1
    return counts
  })
  readonly hidden = computed(() => {
    const counts = { SHLVD: 0, OOSRV: 0, DSUPR: 0 }
    for (const { state } of this.open.value) {
      if (state === 'SHLVD' || state === 'OOSRV' || state === 'DSUPR') counts[state] += 1
    }
    return counts
  })
  readonly simulated = computed(() => this.open.value.some((alarm) => alarm.simulated))

  get(id: string): Alarm | undefined {
    void this.edition.value
    return this.byId.get(id)
  }

  onChanges(listener: (changes: Change[]) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Replace everything: what the server no longer names has closed while we were away. */
  replace(alarms: Alarm[]): void {
    const before = new Map(this.byId)
    this.byId.clear()
    this.closed.length = 0
    for (const alarm of alarms) {
      const known = before.get(alarm.id)
      this.byId.set(alarm.id, known && known.rev > alarm.rev ? known : alarm)
    }
    this.known.value = true
    this.edition.value += 1
    const fresh = alarms.filter((alarm) => !before.has(alarm.id)).map((alarm) => ({ alarm, type: 'snapshot' }))
    for (const listener of this.listeners) listener(fresh)
  }

  apply(changes: Change[]): void {
    const applied = changes.filter(({ alarm }) => this.put(alarm))
    if (applied.length === 0) return
    this.edition.value += 1
    for (const listener of this.listeners) listener(applied)
  }

  clear(): void {
    this.byId.clear()
    this.closed.length = 0
    this.known.value = false
    this.edition.value += 1
  }

  private put(alarm: Alarm): boolean {
    const known = this.byId.get(alarm.id)
    if (known && known.rev >= alarm.rev) return false
    this.byId.set(alarm.id, alarm)
    if (alarm.t_closed !== null && known?.t_closed == null) {
      this.closed.push(alarm.id)
      if (this.closed.length > CLOSED_KEPT) this.byId.delete(this.closed.shift() as string)
    }
    return true
  }
}

export const alarms = new AlarmStore()
