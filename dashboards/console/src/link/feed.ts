/** The page's end of the worker: alarm changes into the store, link state into view, values to their cells. */
import { reactive } from 'vue'
import { socketAddress } from '../api'
import { alarms } from '../alarms/store'
import { warnings } from '../warnings/store'
import { receiveValues, forgetFreshness } from '../plant/values'
import FeedWorker from './feed.worker?worker'
import type { LinkReport, ToPage, ToWorker } from './messages'

export const link = reactive<LinkReport>({ state: 'connecting', age: 0, since: null, skew: 0 })

let worker: Worker | null = null
let refused: () => void = () => undefined

function tell(message: ToWorker): void {
  worker?.postMessage(message)
}

/** Start the feed; `onRefused` hears that the server would not have us: the session may have ended. */
export function startFeed(onRefused: () => void): void {
  refused = onRefused
  if (worker === null) {
    worker = new FeedWorker({ name: 'fengsui-feed' })
    worker.onmessage = ({ data }: MessageEvent<ToPage>) => receive(data)
  }
  tell({ kind: 'open', alarms: socketAddress('ws/v1/alarms'), values: socketAddress('ws/v1/values') })
}

export function stopFeed(): void {
  tell({ kind: 'close' })
  alarms.clear()
  warnings.clear()
  Object.assign(link, { state: 'connecting', age: 0, since: null, skew: 0 })
}

export function reconnect(): void {
  tell({ kind: 'reconnect' })
}

export function watchIds(ids: Array<number | string>, maxHz: number): void {
  tell({ kind: 'watch', ids, maxHz })
}

/** The server's clock as this page knows it, ms. */
export function serverNow(): number {
  return Date.now() + link.skew
}

function receive(message: ToPage): void {
  switch (message.kind) {
    case 'link':
      Object.assign(link, message.link)
      break
    case 'snapshot':
      alarms.replace(message.alarms)
      warnings.replace(message.warnings)
      break
    case 'changes':
      alarms.apply(message.changes)
      break
    case 'warnings':
      warnings.apply(message.warnings)
      break
    case 'values':
      receiveValues(message)
      break
    case 'values_lost':
      forgetFreshness()
      break
    case 'refused':
      refused()
  }
}
