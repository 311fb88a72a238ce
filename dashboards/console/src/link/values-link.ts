/** The worker's socket for live values: one subscription for all that is on the screen. */
import type { ToPage } from './messages'
import { GIVE_UP_AFTER_MS, reconnectDelay } from './staleness'

type PointId = number | string
type ValueFrame =
  | { op: 'points'; ids: PointId[] }
  | { op: 'values'; t: number; i: number[]; v: Array<number | null>; q: number[]; ts?: number[] }
  | { op: 'heartbeat' | 'error' | 'goaway' }

export class ValueLink {
  private address: string | null = null
  private socket: WebSocket | null = null
  private wanted: PointId[] = []
  private maxHz = 1
  private ids: PointId[] = []
  private attempt = 0
  private timer: ReturnType<typeof setTimeout> | null = null
  private heard = 0

  constructor(private readonly post: (message: ToPage) => void) {
    setInterval(() => this.listen(), 1_000)
  }

  open(address: string): void {
    this.address = address
    this.reconnect()
  }

  close(): void {
    this.address = null
    this.drop()
  }

  reconnect(): void {
    this.attempt = 0
    this.drop()
    if (this.wanted.length > 0) this.connect()
  }

  /** Ask for these values from now on; when nothing on the screen needs one, there is no socket at all. */
  watch(ids: PointId[], maxHz: number): void {
    this.wanted = ids
    this.maxHz = maxHz
    if (ids.length > 0 && this.socket?.readyState === WebSocket.OPEN) this.subscribe(this.socket)
    else this.reconnect()
  }

  private subscribe(socket: WebSocket): void {
    socket.send(JSON.stringify({ op: 'subscribe', points: this.wanted, max_hz: this.maxHz }))
  }

  private connect(): void {
    if (this.address === null) return
    const mine = new WebSocket(this.address, 'fengsui.values.v1+json')
    this.socket = mine
    this.heard = Date.now()
    mine.onopen = () => this.subscribe(mine)
    mine.onmessage = ({ data }) => {
      if (this.socket === mine) this.take(JSON.parse(String(data)) as ValueFrame)
    }
    mine.onclose = () => {
      if (this.socket === mine) this.retry()
    }
  }

  private take(frame: ValueFrame): void {
    this.heard = Date.now()
    if (frame.op === 'points') {
      this.ids = frame.ids
      this.attempt = 0
    } else if (frame.op === 'values') {
      const ids = frame.i.map((index) => this.ids[index] ?? -1)
      this.post({ kind: 'values', t: frame.t, ids, v: frame.v, q: frame.q, ts: frame.ts })
    }
  }

  private listen(): void {
    if (this.socket?.readyState === WebSocket.CONNECTING && Date.now() - this.heard > GIVE_UP_AFTER_MS) this.retry()
  }

  private retry(): void {
    this.drop()
    this.post({ kind: 'values_lost' })
    if (this.wanted.length === 0 || this.address === null) return
    this.timer = setTimeout(() => this.connect(), reconnectDelay(this.attempt++, Math.random()))
  }

  private drop(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
    const old = this.socket
    this.socket = null
    this.ids = []
    old?.close()
  }
}
