/**
 * A stand-in for the server while developing the console: sign in as any name with the password `mock`.
 * MOCK_ALARMS alarms to begin with, one more every MOCK_EVERY_S; SIGUSR2 mutes or unmutes the link.
 */
import { createReadStream, existsSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { WebSocketServer } from 'ws'
import { enterprises, eventOf, firstAlarms, gateways, points, raise, regions, sources } from './plant.mjs'

const PORT = Number(process.env.MOCK_PORT ?? 8000)
const EVERY_S = Number(process.env.MOCK_EVERY_S ?? 8)
const dist = path.join(import.meta.dirname, '..', 'dist')
const CSP = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; worker-src 'self'; frame-ancestors 'self'"
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json', '.txt': 'text/plain; charset=utf-8' }

const epoch = `mock${Date.now()}`
const alarms = new Map(firstAlarms(Number(process.env.MOCK_ALARMS ?? 60)).map((alarm) => [alarm.id, alarm]))
const log = []
const journal = new Map([...alarms.values()].map((alarm) => [alarm.id, [row(alarm, 'raised')]]))
const sessions = new Map()
const repeated = new Map()
const pending = new Map()
let muted = false

process.on('SIGUSR2', () => { muted = !muted })

function row(alarm, type, actor = '', note = '') {
  return { offset: log.length, rev: alarm.rev, type, t_event: alarm.t_event, t_received: alarm.t_received, t_committed: new Date().toISOString(), actor, note, data: alarm }
}

function change(alarm, type, actor, note) {
  const t_event = new Date().toISOString()
  const next = { ...alarm, rev: alarm.rev + (type === 'raised' ? 0 : 1), t_event, t_committed: t_event }
  if (!next.active && next.acks.site) Object.assign(next, { state: 'NORM', t_closed: t_event })
  if (next.t_closed) alarms.delete(next.id)
  else alarms.set(next.id, next)
  log.push({ type, alarm: next })
  journal.set(next.id, [...(journal.get(next.id) ?? []), row(next, type, actor, note)])
  for (const client of clients) client.push()
  return next
}

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://mock')
  if (url.pathname.startsWith('/api/v1/')) return api(request, response, url)
  const file = path.join(dist, url.pathname === '/' ? 'index.html' : url.pathname)
  if (!file.startsWith(dist) || !existsSync(file)) return response.writeHead(404).end()
  response.writeHead(200, { 'Content-Type': TYPES[path.extname(file)] ?? 'application/octet-stream', 'Content-Security-Policy': CSP, 'Cache-Control': 'no-cache' })
  return createReadStream(file).pipe(response)
})

function answer(response, status, body, headers = {}) {
  response.writeHead(status, { 'Content-Type': status >= 400 ? 'application/problem+json' : 'application/json', ...headers })
  response.end(status === 204 ? undefined : JSON.stringify(body))
}

function sessionOf(request) {
  return sessions.get(/fengsui=(\w+)/.exec(request.headers.cookie ?? '')?.[1])
}

async function bodyOf(request) {
  let text = ''
  for await (const part of request) text += part
  return text === '' ? {} : JSON.parse(text)
}

async function api(request, response, url) {
  const parts = url.pathname.slice('/api/v1/'.length).split('/').map(decodeURIComponent)
  const body = request.method === 'POST' ? await bodyOf(request) : {}
  if (request.method !== 'GET' && request.headers['x-fengsui'] !== '1') return answer(response, 403, { title: 'X-Fengsui missing' })
  if (parts[0] === 'session' && parts[1] === 'ways') return answer(response, 200, { password: true, oidc: false })
  if (parts[0] === 'session' && request.method === 'POST') {
    if (body.password !== 'mock') return answer(response, 401, { title: 'wrong name or password' })
    const token = Math.random().toString(36).slice(2)
    sessions.set(token, { name: body.name, role: body.name === 'viewer' ? 'viewer' : 'operator', scope: 'all', actions: body.name === 'viewer' ? [] : ['acknowledge', 'comment', 'shelve', 'unshelve'], expires_at: new Date(Date.now() + 8 * 3600e3).toISOString() })
    return answer(response, 200, sessions.get(token), { 'Set-Cookie': `fengsui=${token}; Path=/; HttpOnly; SameSite=Strict` })
  }
  const session = sessionOf(request)
  if (!session) return answer(response, 401, { title: 'no session' })
  if (parts[0] === 'session' && request.method === 'DELETE') {
    for (const [token, known] of sessions) if (known === session) sessions.delete(token)
    return answer(response, 204)
  }
  if (request.method === 'POST' && parts[0] === 'alarms') return act(response, session, parts[1], parts[2], body, request.headers['idempotency-key'])
  return read(response, session, parts, url.searchParams)
}

function read(response, session, [what, id, part], query) {
  const items = (list) => answer(response, 200, { items: list, next: null })
  switch (what) {
    case 'session': return answer(response, 200, session)
    case 'regions': return items(regions)
    case 'enterprises': return items(enterprises)
    case 'sources': return items(sources)
    case 'gateways': return items(gateways)
    case 'alarms':
      if (id === undefined) return items([...alarms.values()])
      if (part === 'journal') return items(journal.get(id) ?? [])
      return alarms.has(id) ? answer(response, 200, alarms.get(id)) : answer(response, 404, { title: 'no such alarm' })
    case 'points': {
      if (part === 'readings') return readings(response, id, query)
      return items(points.filter((point) => ['enterprise', 'source', 'unit', 'tag'].every((name) => !query.has(name) || query.get(name) === point[name]))
        .map((point) => ({ ...point, last: { t: Date.now() - 800, v: valueAt(point, Date.now()), q: 0 } })))
    }
    default: return answer(response, 404, { title: 'unknown' })
  }
}

function valueAt(point, at) {
  const swing = (point.range[1] - point.range[0]) * 0.02
  const climb = point.id % 7 === 0 ? (point.limits.hh ?? point.limits.h ?? point.normal) * 0.3 * Math.max(0, Math.sin(at / 9e5)) : 0
  return Number((point.normal + swing * Math.sin(at / 6e4 + point.id) + climb + swing * 0.1 * Math.sin(at / 700)).toPrecision(4))
}

function readings(response, id, query) {
  const point = points.find(({ enterprise, tag }) => `${enterprise}:${tag}` === id)
  const [from, to] = [Date.parse(query.get('from')), Date.parse(query.get('to'))]
  const raw = to - from <= 2 * 3600e3
  const step = raw ? 2000 : to - from < 2 * 86400e3 ? 60e3 : 3600e3
  const rows = []
  for (let at = Math.ceil(from / step) * step; at < to; at += step) {
    const v = valueAt(point, at)
    const spread = (point.range[1] - point.range[0]) * 0.01
    rows.push(raw ? [at, v, 0] : [at, v - spread, v + spread, v, 60])
  }
  answer(response, 200, { resolution: raw ? 'raw' : step === 60e3 ? '1m' : '1h', unit: point.engineering_unit, rows })
}

function act(response, session, id, action, body, key) {
  if (repeated.has(key)) return answer(response, ...repeated.get(key))
  const alarm = alarms.get(id)
  if (!alarm) return answer(response, 404, { title: 'no such alarm' })
  if (!session.actions.includes(action)) return answer(response, 403, { title: 'your role may not do this' })
  if (body.rev < alarm.rev && alarm.acks.site) return answer(response, 409, { title: 'the alarm has changed', alarm })
  const at = new Date().toISOString()
  const done = (changes, type) => [200, change({ ...alarm, ...changes }, type, session.name, body.note ?? '')]
  let outcome
  if (action === 'acknowledge') outcome = done({ acks: { ...alarm.acks, site: { by: session.name, at } }, state: 'ACKED' }, 'acknowledged')
  else if (action === 'comment') outcome = done({}, 'commented')
  else if (action === 'unshelve') outcome = done({ state: alarm.acks.site ? 'ACKED' : 'UNACK', shelf: null }, 'unshelved')
  else if (alarm.tier === 'red' && (pending.get(id) ?? session.name) === session.name) {
    pending.set(id, session.name)
    const asked = { action, asked_by: session.name, asked_at: new Date().toISOString(), expires_at: new Date(Date.now() + 6e5).toISOString() }
    outcome = [202, { status: 'pending', pending: asked, alarm: { ...alarm, pending: asked } }]
  } else outcome = done({ state: 'SHLVD', shelf: { until: body.until, by: session.name, at, reason: body.note, one_shot: body.one_shot ?? false } }, 'shelved')
  repeated.set(key, outcome)
  setTimeout(() => answer(response, ...outcome), 150)
}

class Client {
  sub = null
  last = 0

  constructor(socket) {
    this.socket = socket
    socket.on('message', (text) => this.take(JSON.parse(text)))
  }

  send(frame) {
    if (!muted) this.socket.send(JSON.stringify({ sub: this.sub, ...frame }))
  }

  take(frame) {
    if (frame.op !== 'subscribe') return
    this.sub = frame.sub
    const resumed = frame.from !== 'snapshot' && frame.from.epoch === epoch
    this.send({ op: 'subscribed', epoch, floor: 1, head: log.length, recovered: resumed })
    if (!resumed && frame.from !== 'snapshot') return
    this.last = resumed ? frame.from.offset : log.length
    if (!resumed) {
      this.send({ op: 'snapshot_begin', offset: log.length })
      for (const alarm of alarms.values()) this.send({ op: 'event', offset: 0, prev: 0, redelivered: false, snapshot: true, event: eventOf(alarm, 'raised') })
      this.send({ op: 'snapshot_end', offset: log.length })
    }
    this.push()
    this.send({ op: 'caught_up', offset: this.last })
  }

  push() {
    if (this.sub === null || muted) return
    for (; this.last < log.length; this.last += 1) {
      const { alarm, type } = log[this.last]
      this.send({ op: 'event', offset: this.last + 1, prev: this.last, redelivered: false, event: eventOf(alarm, type) })
    }
  }
}

const clients = new Set()
const upgrades = new WebSocketServer({ noServer: true })
server.on('upgrade', (request, socket, head) => {
  if (!sessionOf(request) || muted) return socket.destroy()
  return upgrades.handleUpgrade(request, socket, head, (ws) => (request.url.endsWith('/values') ? values(ws) : alarmsTo(ws)))
})

function alarmsTo(ws) {
  const client = new Client(ws)
  clients.add(client)
  const beat = setInterval(() => {
    if (client.sub !== null) {
      client.push()
      client.send({ op: 'heartbeat', head: log.length, prev: client.last, now: new Date().toISOString() })
    }
  }, 1000)
  ws.on('close', () => { clearInterval(beat); clients.delete(client) })
}

function values(ws) {
  let timer = null
  ws.on('message', (text) => {
    const frame = JSON.parse(text)
    const chosen = points.filter(({ id }) => frame.points.includes(id))
    ws.send(JSON.stringify({ op: 'points', ids: chosen.map(({ id }) => id) }))
    clearInterval(timer)
    timer = setInterval(() => {
      if (muted) return
      const t = Date.now()
      ws.send(JSON.stringify({ op: 'values', t, i: chosen.map((_, place) => place), v: chosen.map((point) => valueAt(point, t)), q: chosen.map(({ id }) => (id === 5 ? 5 : 0)) }))
    }, 1000 / (frame.max_hz ?? 1))
  })
  ws.on('close', () => clearInterval(timer))
}

if (EVERY_S > 0) {
  setInterval(() => {
    const point = points[Math.floor(Math.random() * points.length)]
    const tier = ['orange', 'yellow', 'yellow', 'blue'][Math.floor(Math.random() * 4)]
    change(raise(point, tier), 'raised')
  }, EVERY_S * 1000)
}
server.listen(PORT, '127.0.0.1', () => console.log(`mock server on http://127.0.0.1:${PORT}/ (password: mock)`))
