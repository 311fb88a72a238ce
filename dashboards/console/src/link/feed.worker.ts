/** The worker that owns the sockets and the staleness clock, so that a hidden or busy page cannot slow them. */
import type { Frame } from '../contract'
import { Chain, type Ask } from './chain'
import type { Change, LinkReport, ToPage, ToWorker } from './messages'
import { GIVE_UP_AFTER_MS, linkState, reconnectDelay } from './staleness'
import { ValueLink } from './values-link'

const scope = self as unknown as DedicatedWorkerGlobalScope
const COALESCE_MS = 100
const TICK_MS = 250
const SUB = 'console'
/** Every kind of alarm, and warnings by name: only who names them hears of those that wait for their issue. */
const HEARD_KINDS = ['limit', 'forecast', 'rate', 'deviation', 'sensor', 'comms', 'group', 'system', 'warning']

let address: string | null = null
let socket: WebSocket | null = null
let chain = new Chain()
let synced = false
let everSynced = false
let heard: number | null = null
let lostSince: number | null = null
let skew = 0
let attempt = 0
let retryAt: number | null = null
let changes: Change[] = []
let flushTimer: ReturnType<typeof setTimeout> | null = null
let reported = ''

const post = (message: ToPage): void => scope.postMessage(message)
const values = new ValueLink(post)

scope.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  switch (data.kind) {
    case 'open':
      address = data.alarms
      attempt = 0
      connect()
      values.open(data.values)
      break
    case 'reconnect':
      attempt = 0
      connect()
      values.reconnect()
      break
    case 'watch':
      values.watch(data.ids, data.maxHz)
      break
    case 'close':
      address = null
      drop()
      values.close()
      chain = new Chain()
      synced = everSynced = false
      heard = lostSince = null
  }
}

setInterval(tick, TICK_MS)

function connect(): void {
  drop()
  if (address === null) return
  retryAt = null
  const mine = new WebSocket(address, 'fengsui.alarm.v1+json')
  socket = mine
  mine.onopen = () => subscribe(chain.ask())
  mine.onmessage = ({ data }) => {
    if (socket === mine) take(JSON.parse(String(data)) as Frame)
  }
  mine.onclose = (event) => {
    if (socket !== mine) return
    socket = null
    synced = false
    if (event.code === 4401 || event.code === 1008 || heard === null) post({ kind: 'refused' })
    schedule(reconnectDelay(attempt++, Math.random()))
    tick()
  }
}

function subscribe(ask: Ask): void {
  synced = false
  socket?.send(JSON.stringify({ op: 'subscribe', sub: SUB, filter: { kinds: HEARD_KINDS }, from: ask.from }))
}

function take(frame: Frame): void {
  heard = Date.now()
  const step = chain.take(frame)
  switch (step.kind) {
    case 'alive':
      skew = Date.parse(step.now) - heard
      break
    case 'snapshot':
      flush()
      changes = []
      becomeSynced()
      post({ kind: 'snapshot', alarms: step.alarms, warnings: step.warnings })
      break
    case 'event':
      changes.push({ alarm: step.alarm, type: step.type })
      if (step.urgent || step.alarm.tier === 'red') flush()
      else flushTimer ??= setTimeout(flush, COALESCE_MS)
      break
    case 'warning':
      // Warnings are few, and a desk is to see a proposal at once, after the alarms it stands on.
      flush()
      post({ kind: 'warnings', warnings: [step.warning] })
      break
    case 'ask':
      subscribe(step.ask)
      break
    case 'goaway':
      drop()
      schedule(step.retryAfterS * 1000)
      break
  }
  if (frame.op === 'caught_up') becomeSynced()
  if (frame.op === 'heartbeat' && step.kind === 'alive' && everSynced && !synced) becomeSynced()
}

function becomeSynced(): void {
  synced = everSynced = true
  attempt = 0
  tick()
}

function flush(): void {
  if (flushTimer !== null) clearTimeout(flushTimer)
  flushTimer = null
  if (changes.length > 0) post({ kind: 'changes', changes })
  changes = []
}

function tick(): void {
  const now = Date.now()
  if (socket !== null && heard !== null && now - heard > GIVE_UP_AFTER_MS && retryAt === null) {
    drop()
    schedule(reconnectDelay(attempt++, Math.random()))
    values.reconnect()
  }
  if (retryAt !== null && now >= retryAt) connect()
  const state = linkState({ open: socket !== null, synced, heard, everSynced }, now)
  if (state === 'live') lostSince = null
  else if (state === 'late' || state === 'lost') lostSince ??= heard ?? now
  const link: LinkReport = { state, age: heard === null ? 0 : now - heard, since: lostSince, skew }
  const text = `${state} ${Math.round(link.age / 100)} ${lostSince} ${Math.round(skew / 100)}`
  if (text === reported) return
  reported = text
  post({ kind: 'link', link })
}

function schedule(delay: number): void {
  if (address !== null) retryAt = Date.now() + delay
}

function drop(): void {
  const old = socket
  socket = null
  synced = false
  old?.close()
}
