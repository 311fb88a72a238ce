/** Which short steps to show for an alarm: general ones, below the site's own response card. */
import type { Alarm } from '../contract'
import type { Key } from '../i18n'

const GASES = new Set(['combustible_gas', 'toxic_gas', 'oxygen', 'hydrogen_sulfide', 'smoke'])
const MINE = new Set(['methane', 'carbon_monoxide', 'carbon_dioxide', 'wind_speed', 'feeder_state', 'air_door'])
const GAS: readonly Key[] = ['guide.gas.1', 'guide.gas.2', 'guide.gas.3']
const IN_MINE: readonly Key[] = ['guide.mine.1', 'guide.mine.2', 'guide.mine.3']
const PROCESS: readonly Key[] = ['guide.process.1', 'guide.process.2', 'guide.process.3']
const HONEST: readonly Key[] = ['guide.sensor.1', 'guide.honest.1', 'guide.honest.2']

/** By rule, else by kind: what a group found decides what is to be done. */
const STEPS: Record<string, readonly Key[]> = {
  'group.difference': ['guide.difference.1', 'guide.difference.2', 'guide.difference.3'],
  'group.balance': ['guide.balance.1', 'guide.balance.2', 'guide.balance.3'],
  'group.air_path': ['guide.air_path.1', 'guide.air_path.2', 'guide.air_path.3'],
  'group.air_lock': ['guide.air_lock.1', 'guide.air_lock.2', 'guide.air_lock.3'],
  'group.power_cut': ['guide.power_cut.1', 'guide.power_cut.2', 'guide.power_cut.3'],
  'sensor.calibrating': ['guide.calibrating.1', 'guide.calibrating.2'],
  'sensor.gateway': ['guide.comms.1', 'guide.sensor.2'],
  'sensor.clipped': HONEST,
  'sensor.recovered': HONEST,
  'sensor.copied': HONEST,
  forecast: ['guide.forecast.1', 'guide.forecast.2', 'guide.forecast.3'],
  rate: ['guide.rate.1', 'guide.rate.2', 'guide.process.3'],
  deviation: ['guide.deviation.1', 'guide.deviation.2', 'guide.deviation.3'],
  sensor: ['guide.sensor.1', 'guide.sensor.2', 'guide.sensor.3'],
  comms: ['guide.comms.1', 'guide.comms.2'],
  system: ['guide.system.1'],
}

export function guidance(alarm: Pick<Alarm, 'kind' | 'quantity'> & Partial<Pick<Alarm, 'rule'>>, sourceKind?: string): readonly Key[] {
  const special = STEPS[alarm.rule ?? ''] ?? STEPS[alarm.kind]
  if (special !== undefined) return special
  // A vote is as good as its points' own alarm, and asks for the same.
  const steps = byQuantity(alarm.quantity ?? '', sourceKind)
  return alarm.kind === 'group' ? ['guide.group.1', ...steps] : steps
}

function byQuantity(quantity: string, sourceKind: string | undefined): readonly Key[] {
  if (MINE.has(quantity) && (sourceKind === undefined || sourceKind === 'coal_mine')) return IN_MINE
  return GASES.has(quantity) || MINE.has(quantity) ? GAS : PROCESS
}
