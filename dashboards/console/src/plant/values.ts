/** Live values, outside Vue's reactivity: one slot a point, written to its cells once a frame. */
import type { Directive } from 'vue'
import type { Point } from '../contract'
import { number } from '../format'
import { t } from '../i18n'
import { serverNow, watchIds } from '../link/feed'

export type PointId = number | string
/** Names by number of the server's Quality. */
export const QUALITIES = ['good', 'uncertain', 'bad', 'calibrating', 'over_range', 'fault', 'offline'] as const
const UNTRUSTED = new Set(['bad', 'calibrating', 'fault', 'offline'])

export interface LiveValue {
  value: number | null
  quality: string
  /** Event time of the reading, ms. */
  at: number
}

interface Cell {
  id: PointId
  silenceMs: number
}

type Listener = (value: LiveValue) => void

const latest = new Map<PointId, LiveValue>()
const cells = new Map<HTMLElement, Cell>()
const cellsOf = new Map<PointId, Set<HTMLElement>>()
const listeners = new Map<PointId, Set<Listener>>()
const dirty = new Set<PointId>()
const watches = new Set<{ ids: PointId[]; maxHz: number }>()
let flushing = false
/** Whether values come at all; false from the loss of their socket to the next frame. */
let flowing = true

export function qualityName(code: number | string | null | undefined): string {
  return typeof code === 'number' ? (QUALITIES[code & 0xff] ?? 'bad') : (code ?? 'good')
}

export function isUntrusted(quality: string): boolean {
  return UNTRUSTED.has(quality)
}

export function liveValue(id: PointId): LiveValue | undefined {
  return latest.get(id)
}

/** Silence after which a value is old: the server says it of each point. */
export function silenceOf(point: Pick<Point, 'stale_s'>): number {
  return point.stale_s * 1000
}

/** Seed with what REST told, unless something newer came over the wire. */
export function seed(point: Point): void {
  if (!point.last) return
  const at = typeof point.last.t === 'number' ? point.last.t : Date.parse(point.last.t)
  const known = latest.get(point.id)
  if (known && known.at >= at) return
  latest.set(point.id, { value: point.last.v, quality: qualityName(point.last.q), at })
  mark(point.id)
}

export function receiveValues(frame: { t: number; ids: PointId[]; v: Array<number | null>; q: number[]; ts?: number[] }): void {
  flowing = true
  frame.ids.forEach((id, place) => {
    const now: LiveValue = { value: frame.v[place] ?? null, quality: qualityName(frame.q[place]), at: frame.ts?.[place] ?? frame.t }
    latest.set(id, now)
    mark(id)
    for (const listener of listeners.get(id) ?? []) listener(now)
  })
}

/** The values socket is gone: nothing on the screen may look current. */
export function forgetFreshness(): void {
  flowing = false
  for (const id of cellsOf.keys()) mark(id)
}

/** Ask for the values of these points until the returned function is called. */
export function watchPoints(ids: PointId[], maxHz: number, listener?: Listener): () => void {
  const watch = { ids, maxHz }
  watches.add(watch)
  for (const id of listener ? ids : []) add(listeners, id, listener as Listener)
  subscribe()
  return () => {
    watches.delete(watch)
    for (const id of listener ? ids : []) remove(listeners, id, listener as Listener)
    subscribe()
  }
}

/** `v-live="point"`: the element shows the point's value, hatched with a question mark when not to be trusted. */
export const vLive: Directive<HTMLElement, Point> = {
  mounted(element, { value: point }) {
    attach(element, point)
  },
  updated(element, { value: point, oldValue }) {
    if (oldValue?.id === point.id) return
    detach(element)
    attach(element, point)
  },
  beforeUnmount(element) {
    detach(element)
  },
}

function attach(element: HTMLElement, point: Point): void {
  cells.set(element, { id: point.id, silenceMs: silenceOf(point) })
  add(cellsOf, point.id, element)
  seed(point)
  write(element)
}

function detach(element: HTMLElement): void {
  const cell = cells.get(element)
  cells.delete(element)
  if (cell) remove(cellsOf, cell.id, element)
}

function write(element: HTMLElement): void {
  const cell = cells.get(element)
  if (!cell) return
  const now = latest.get(cell.id)
  const old = now === undefined || !flowing || serverNow() - now.at > cell.silenceMs
  const distrusted = now !== undefined && isUntrusted(now.quality)
  const text = now === undefined ? '–' : `${old || distrusted ? '? ' : ''}${number(now.value)}`
  if (element.textContent !== text) element.textContent = text
  element.classList.toggle('distrusted', old || distrusted)
  element.title = old ? t('value.old') : distrusted ? t('value.bad') : ''
}

function mark(id: PointId): void {
  dirty.add(id)
  if (flushing) return
  flushing = true
  requestAnimationFrame(() => {
    flushing = false
    for (const changed of dirty) for (const element of cellsOf.get(changed) ?? []) write(element)
    dirty.clear()
  })
}

/** Values grow old without any frame: look at every cell now and then. */
setInterval(() => {
  for (const element of cells.keys()) write(element)
}, 5_000)

let subscribeTimer: ReturnType<typeof setTimeout> | null = null
let subscribed = ''

/** One subscription for all watches; a page change drops and adds within one turn, so wait for it. */
function subscribe(): void {
  subscribeTimer ??= setTimeout(() => {
    subscribeTimer = null
    const ids = [...new Set([...watches].flatMap((watch) => watch.ids))]
    const maxHz = Math.max(1, ...[...watches].map((watch) => watch.maxHz))
    const text = JSON.stringify([ids, maxHz])
    if (text === subscribed) return
    subscribed = text
    watchIds(ids, maxHz)
  }, 20)
}

function add<K, V>(map: Map<K, Set<V>>, key: K, value: V): void {
  const set = map.get(key)
  if (set) set.add(value)
  else map.set(key, new Set([value]))
}

function remove<K, V>(map: Map<K, Set<V>>, key: K, value: V): void {
  const set = map.get(key)
  set?.delete(value)
  if (set?.size === 0) map.delete(key)
}
