/** Which short steps to show for an alarm: general ones, below the site's own response card. */
import type { Alarm } from '../contract'
import type { Key } from '../i18n'

const GASES = new Set(['combustible_gas', 'toxic_gas', 'oxygen', 'hydrogen_sulfide', 'smoke'])
const MINE = new Set(['methane', 'carbon_monoxide', 'carbon_dioxide', 'wind_speed', 'feeder_state', 'air_door'])

const STEPS: Record<string, readonly Key[]> = {
  gas: ['guide.gas.1', 'guide.gas.2', 'guide.gas.3'],
  mine: ['guide.mine.1', 'guide.mine.2', 'guide.mine.3'],
  process: ['guide.process.1', 'guide.process.2', 'guide.process.3'],
  forecast: ['guide.forecast.1', 'guide.forecast.2', 'guide.process.3'],
  sensor: ['guide.sensor.1', 'guide.sensor.2'],
  comms: ['guide.comms.1', 'guide.comms.2'],
  system: ['guide.system.1'],
}

export function guidance(alarm: Pick<Alarm, 'kind' | 'quantity'>, sourceKind?: string): readonly Key[] {
  const special = STEPS[alarm.kind]
  if (special !== undefined) return special
  const quantity = alarm.quantity ?? ''
  if (MINE.has(quantity) && (sourceKind === undefined || sourceKind === 'coal_mine')) return STEPS.mine as readonly Key[]
  return (GASES.has(quantity) || MINE.has(quantity) ? STEPS.gas : STEPS.process) as readonly Key[]
}
