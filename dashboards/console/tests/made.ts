/** Alarms and frames for tests. */
import type { Alarm, Frame } from '../src/contract'

export function alarm(changes: Partial<Alarm> = {}): Alarm {
  return {
    id: '01K1', rev: 1, kind: 'limit', rule: 'limit.high', tier: 'yellow', peak_tier: 'yellow', state: 'UNACK', active: true,
    quality: 'good', late: false, simulated: false, region: '510603', enterprise: 'DY-CHEM-01', source: 'DYC01-R001', unit: 'TK101',
    point: 'TK101.LT', quantity: 'level', value: 9.2, limit: 9, engineering_unit: 'm', peak: 9.2, basis: '',
    t_raised: '2026-11-22T06:00:00Z', t_event: '2026-11-22T06:00:00Z', t_received: '2026-11-22T06:00:00Z', t_committed: null,
    t_returned: null, t_closed: null, acks: { site: null, county: null, city: null, province: null }, message: { zh: '液位高', en: 'level high' },
    ...changes,
  }
}

export function event(offset: number, prev: number | null, of: Partial<Alarm> = {}): Frame {
  const data = alarm(of)
  return { op: 'event', sub: 'console', offset, prev, event: { id: `${data.id}:${data.rev}`, type: 'cn.fengsui.alarm.raised', time: data.t_event, data } }
}

export function inSnapshot(of: Partial<Alarm> = {}): Frame {
  return { ...event(0, 0, of), snapshot: true } as Frame
}

export const subscribed = (epoch = 'E1', recovered = true): Frame => ({ op: 'subscribed', sub: 'console', epoch, floor: 1, head: 10, recovered })
export const heartbeat = (prev: number): Frame => ({ op: 'heartbeat', sub: 'console', head: prev, prev, now: '2026-11-22T06:00:00Z' })
