/** Alarms, warnings and frames for tests. */
import type { Alarm, EarlyWarning, Frame } from '../src/contract'

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

export function warning(changes: Partial<EarlyWarning> = {}): EarlyWarning {
  return {
    id: '01W1', rev: 1, kind: 'warning', stage: 'proposed', level: 'red', tier: 'red', peak_tier: 'red', asked_level: 'red', government: 'city',
    active: true, simulated: false, automatic: false, basis: 'default 1 (D)', name: '液氨罐区', region: '510603', enterprise: 'DY-CHEM-01',
    source: 'DYC01-R001', unit: null, category: '事故灾难', starts_at: '2026-11-22T06:00:00Z', area: '液氨罐区及其周边', cautions: '液位高',
    measures: '启动应急预案', issuer: '德阳市人民政府', published_at: null, alarms: ['01K1'], receipts: { county: null, city: null, province: null },
    handling: [], feedback: [], lift: null, t_proposed: '2026-11-22T06:00:05Z', t_lifted: null, message: { zh: '建议发布', en: 'proposed' },
    ...changes,
  }
}

export function warned(offset: number, prev: number | null, of: Partial<EarlyWarning> = {}): Frame {
  const data = warning(of)
  return { op: 'event', sub: 'console', offset, prev, event: { id: `${data.id}:${data.rev}`, type: 'cn.fengsui.warning.proposed', time: data.t_proposed, data } }
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
