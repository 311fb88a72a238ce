/** What the gateway page makes of a gateway's history, and its live messages. */
import { socketAddress } from '../api'
import type { Gateway, GatewayHistory, GatewayPayload, Preview } from '../contract'
import type { Columns } from '../parts/trend'

const STEP_S = { '1m': 60, '1h': 3600, '1d': 86_400 } as const
/** What a message may be tried as; the order is the registry's. */
export const DIALECTS = ['native', 'neuron', 'kepware', 'thingsboard', 'advantech', 'influx', 'senml', 'hj212'] as const
/** Roles that may give and take away credentials within their scope, as the server has it. */
export const RUNS_GATEWAYS: ReadonlySet<string> = new Set(['administrator', 'enterprise'])
/** Messages that stay on the screen. */
export const MOST_SHOWN = 50

/** How a gateway stands: what it says of itself, or, where it says nothing, whether it is heard. */
export function standing(gateway: Pick<Gateway, 'state' | 'heard'>): string {
  if (gateway.state !== 'unknown' || gateway.heard === 'never') return gateway.state
  return gateway.heard === 'online' ? 'sending' : 'silent'
}

/** What a preview refused, once a reason, in the order in which reasons were met. */
export function byReason(refused: Preview['refused']): Array<{ reason: string; words: Preview['refused'][number]['words']; what: Preview['refused'] }> {
  const found = new Map<string, Preview['refused']>()
  for (const one of refused) found.set(one.reason, [...(found.get(one.reason) ?? []), one])
  return [...found].map(([reason, what]) => ({ reason, words: what[0]!.words, what }))
}

/** Readings a second; a span in which nothing came is zero, not a gap. */
export function rateColumns(history: GatewayHistory, from: number, to: number): Columns {
  const step = STEP_S[history.resolution]
  const accepted = new Map(history.rows.map((row) => [Math.round((row[0] ?? 0) / 1000), row[2] ?? 0]))
  const made: Columns = { time: [], value: [], low: [], high: [] }
  const last = Math.floor(to / 1000 / step) * step - step
  for (let at = Math.ceil(from / 1000 / step) * step; at <= last; at += step) {
    made.time.push(at)
    made.value.push((accepted.get(at) ?? 0) / step)
    made.low.push(null)
    made.high.push(null)
  }
  return made
}

/** The clock's error in seconds with its extremes; a span in which nothing stamped came is a gap. */
export function clockColumns(history: GatewayHistory): Columns {
  const made: Columns = { time: [], value: [], low: [], high: [] }
  const push = (time: number, row: Array<number | null>): void => {
    made.time.push(time)
    made.value.push(row[5] ?? null)
    made.low.push(row[6] ?? null)
    made.high.push(row[7] ?? null)
  }
  for (const row of history.rows) {
    const time = Math.round((row[0] ?? 0) / 1000)
    const last = made.time[made.time.length - 1]
    if (last !== undefined && time - last > STEP_S[history.resolution]) push(last + STEP_S[history.resolution], [])
    push(time, row)
  }
  return made
}

/** Look at a gateway's messages until the answer is called; `lost` says that the socket has closed. */
export function watchPayloads(gateway: string, show: (payload: GatewayPayload) => void, lost: () => void): () => void {
  const socket = new WebSocket(socketAddress(`ws/v1/gateways/${encodeURIComponent(gateway)}/payloads`), 'fengsui.payloads.v1+json')
  let open = true
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(String(data)) as { op: string } & GatewayPayload
    if (open && frame.op === 'payload') show(frame)
  }
  socket.onclose = () => {
    if (open) lost()
  }
  return () => {
    open = false
    socket.close()
  }
}
