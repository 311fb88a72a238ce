/** Follows one subscription: proves from `prev` that no frame was missed, says what to ask again. */
import type { Alarm, CloudEvent, EarlyWarning, Frame, Position } from '../contract'

export type Ask = { from: 'snapshot' | Position }

export type Step =
  | { kind: 'nothing' }
  | { kind: 'alive'; now: string }
  | { kind: 'snapshot'; alarms: Alarm[]; warnings: EarlyWarning[] }
  | { kind: 'event'; alarm: Alarm; type: string; urgent: boolean }
  | { kind: 'warning'; warning: EarlyWarning }
  | { kind: 'ask'; ask: Ask; reason: 'epoch' | 'gap' | 'refused' }
  | { kind: 'goaway'; retryAfterS: number }
  | { kind: 'error'; code: string; error: string }

const NOTHING: Step = { kind: 'nothing' }

export class Chain {
  private epoch: string | null = null
  /** The epoch being served: the position's own only once a snapshot of it has ended. */
  private serving: string | null = null
  private last: number | null = null
  private asked: Ask = { from: 'snapshot' }
  private waiting = true
  private snapshot: Map<string, Alarm | EarlyWarning> | null = null
  private snapshotOffset = 0
  private gapsAtLast = 0

  /** What to subscribe from on a new socket; frames count only after the server's `subscribed`. */
  ask(): Ask {
    this.snapshot = null
    this.waiting = true
    this.asked =
      this.epoch !== null && this.last !== null && this.gapsAtLast < 2
        ? { from: { epoch: this.epoch, offset: this.last } }
        : { from: 'snapshot' }
    return this.asked
  }

  take(frame: Frame): Step {
    if (frame.op === 'goaway') return { kind: 'goaway', retryAfterS: frame.retry_after_s }
    if (frame.op === 'error') return this.error(frame.code, frame.error)
    if (frame.op === 'subscribed') return this.subscribed(frame.epoch, frame.recovered)
    if (frame.op === 'heartbeat') {
      if (!this.waiting && this.isGap(frame.prev)) return this.gap()
      return { kind: 'alive', now: frame.now }
    }
    if (this.waiting) return NOTHING
    switch (frame.op) {
      case 'snapshot_begin':
        this.snapshot = new Map()
        this.snapshotOffset = frame.offset
        return NOTHING
      case 'snapshot_end': {
        const all = [...(this.snapshot?.values() ?? [])]
        this.snapshot = null
        this.epoch = this.serving
        this.last = frame.offset ?? this.snapshotOffset
        this.gapsAtLast = 0
        return { kind: 'snapshot', alarms: all.filter((one): one is Alarm => !isWarning(one)), warnings: all.filter(isWarning) }
      }
      case 'urgent':
        return told(frame.event, true)
      case 'event':
        return this.event(frame)
      default:
        return NOTHING
    }
  }

  private subscribed(epoch: string, recovered: boolean): Step {
    this.waiting = false
    const resumed = this.asked.from !== 'snapshot'
    this.serving = epoch
    if (resumed && (epoch !== this.epoch || !recovered)) {
      this.epoch = null
      this.last = null
      return { kind: 'ask', ask: this.ask(), reason: 'epoch' }
    }
    return NOTHING
  }

  private event(frame: Extract<Frame, { op: 'event' }>): Step {
    if (this.snapshot !== null) {
      const { data } = frame.event
      const known = this.snapshot.get(data.id)
      if (!known || known.rev < data.rev) this.snapshot.set(data.id, data)
      return NOTHING
    }
    if (frame.snapshot) return NOTHING
    if (this.isGap(frame.prev)) return this.gap()
    if (this.last === null || frame.offset > this.last) {
      this.last = frame.offset
      this.gapsAtLast = 0
    }
    return told(frame.event, false)
  }

  /** A frame that builds on something newer than the last one seen proves that one was missed. */
  private isGap(prev: number | null | undefined): boolean {
    return this.snapshot === null && this.last !== null && typeof prev === 'number' && prev > this.last
  }

  private gap(): Step {
    this.gapsAtLast += 1
    return { kind: 'ask', ask: this.ask(), reason: 'gap' }
  }

  /** The place asked for can be gone (older than the log, an offset ahead of it): begin anew. */
  private error(code: string, error: string): Step {
    if (this.waiting && this.asked.from !== 'snapshot') {
      this.epoch = null
      this.last = null
      return { kind: 'ask', ask: this.ask(), reason: 'refused' }
    }
    return { kind: 'error', code, error }
  }
}

function isWarning(one: Alarm | EarlyWarning): one is EarlyWarning {
  return one.kind === 'warning'
}

function told({ data, type }: CloudEvent, urgent: boolean): Step {
  return isWarning(data) ? { kind: 'warning', warning: data } : { kind: 'event', alarm: data, type: shortType(type), urgent }
}

export function shortType(type: string): string {
  return type.slice(type.lastIndexOf('.') + 1)
}
