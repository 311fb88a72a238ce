/** The warnings that stand or wait for their issue, kept by the push stream; newest revision wins. */
import { computed, shallowRef } from 'vue'
import type { EarlyWarning } from '../contract'

const LIFTED_KEPT = 100

export class WarningStore {
  private readonly byId = new Map<string, EarlyWarning>()
  private readonly edition = shallowRef(0)
  private readonly listeners = new Set<(fresh: EarlyWarning[]) => void>()
  /** Whether a snapshot has been received: until then an empty list means nothing. */
  readonly known = shallowRef(false)

  readonly open = computed(() => {
    void this.edition.value
    return [...this.byId.values()].filter((warning) => warning.lift === null)
  })
  readonly simulated = computed(() => this.open.value.some((warning) => warning.simulated))

  /** Also one that was lifted while this page looked on. */
  get(id: string): EarlyWarning | undefined {
    void this.edition.value
    return this.byId.get(id)
  }

  /** Hear of warnings that came or went up a stage: each with its newest state. */
  onChanges(listener: (fresh: EarlyWarning[]) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Replace everything: what the server no longer names was lifted while we were away. */
  replace(warnings: EarlyWarning[]): void {
    const before = new Map(this.byId)
    this.byId.clear()
    this.known.value = true
    this.take(
      warnings.map((warning) => {
        const seen = before.get(warning.id)
        return seen && seen.rev > warning.rev ? seen : warning
      }),
      before,
    )
  }

  apply(warnings: EarlyWarning[]): void {
    this.take(warnings, new Map(this.byId))
  }

  clear(): void {
    this.byId.clear()
    this.known.value = false
    this.edition.value += 1
  }

  private take(warnings: EarlyWarning[], before: ReadonlyMap<string, EarlyWarning>): void {
    const newer = warnings.filter(({ id, rev }) => (this.byId.get(id)?.rev ?? 0) < rev)
    for (const warning of newer) this.byId.set(warning.id, warning)
    const lifted = [...this.byId.values()].filter((warning) => warning.lift !== null)
    for (const { id } of lifted.slice(0, -LIFTED_KEPT)) this.byId.delete(id)
    this.edition.value += 1
    const fresh = newer.filter(({ id, stage }) => before.get(id)?.stage !== stage)
    if (fresh.length > 0) for (const listener of this.listeners) listener(fresh)
  }
}

export const warnings = new WarningStore()
