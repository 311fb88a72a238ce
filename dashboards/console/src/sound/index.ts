/** Plays the due pattern; armed by a click because browsers keep an unasked page silent. */
import { ref } from 'vue'
import { alarms } from '../alarms/store'
import { TIERS } from '../contract'
import { link } from '../link/feed'
import { waitsForMe } from '../warnings/deeds'
import { warnings } from '../warnings/store'
import { Annunciator, calls, PATTERNS, type Pattern } from './patterns'

const annunciator = new Annunciator()
let context: AudioContext | null = null

export const armed = ref(false)
export const silenced = ref(false)

export async function arm(): Promise<void> {
  context ??= new AudioContext()
  await context.resume()
  armed.value = context.state === 'running'
  if (armed.value) sound('blue')
}

export function disarm(): void {
  armed.value = false
  void context?.suspend()
}

export function silence(): void {
  annunciator.silence()
  silenced.value = true
}

/** Listen to alarms and warnings; returns what ends it. */
export function startSound(): () => void {
  const stop = alarms.onChanges((changes) => {
    for (const { alarm, type } of changes) annunciator.announce(alarm, type)
  })
  const stopWarnings = warnings.onChanges((fresh) => {
    if (fresh.some(waitsForMe)) annunciator.announceWarning()
  })
  const timer = setInterval(() => {
    silenced.value = annunciator.isSilenced
    const open = alarms.open.value
    const worst = TIERS.find((tier) => open.some((alarm) => alarm.tier === tier && calls(alarm))) ?? null
    const pattern = annunciator.due(Date.now(), worst, link.state === 'lost', warnings.open.value.some(waitsForMe))
    if (pattern !== null && armed.value) sound(pattern)
  }, 500)
  return () => {
    stop()
    stopWarnings()
    clearInterval(timer)
  }
}

function sound(pattern: Pattern): void {
  if (context === null) return
  for (const [start, length, frequency, loudness] of PATTERNS[pattern]) {
    const at = context.currentTime + start
    const oscillator = new OscillatorNode(context, { frequency, type: 'triangle' })
    const gain = new GainNode(context, { gain: 0 })
    gain.gain.setValueAtTime(0, at)
    gain.gain.linearRampToValueAtTime(loudness, at + 0.01)
    gain.gain.setValueAtTime(loudness, at + length - 0.02)
    gain.gain.linearRampToValueAtTime(0, at + length)
    oscillator.connect(gain).connect(context.destination)
    oscillator.start(at)
    oscillator.stop(at + length)
  }
}
