/** Short notices at the lower edge; errors stay until they are read away. */
import { reactive } from 'vue'

export interface Toast {
  id: number
  kind: 'note' | 'error'
  text: string
}

const NOTE_MS = 6_000
const MOST = 5
let count = 0

export const toasts = reactive<Toast[]>([])

export function toast(kind: Toast['kind'], text: string): void {
  const id = (count += 1)
  toasts.push({ id, kind, text })
  if (toasts.length > MOST) toasts.shift()
  if (kind === 'note') setTimeout(() => dismiss(id), NOTE_MS)
}

export function dismiss(id: number): void {
  const place = toasts.findIndex((entry) => entry.id === id)
  if (place >= 0) toasts.splice(place, 1)
}
