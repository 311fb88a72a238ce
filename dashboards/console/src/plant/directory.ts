/** Names of regions, enterprises, sources and units, and the tree they make. */
import { computed, shallowReactive } from 'vue'
import * as api from '../api'
import type { Alarm, Enterprise, Gateway, Region, Source, Unit } from '../contract'
import type { Area } from '../alarms/filter'

export const plant = shallowReactive({
  regions: [] as Region[],
  enterprises: [] as Enterprise[],
  sources: [] as Source[],
  gateways: [] as Gateway[],
  loaded: false,
  failed: false,
})

export async function loadPlant(): Promise<void> {
  try {
    const [regions, enterprises, sources] = await Promise.all([api.regions(), api.enterprises(), api.sources()])
    Object.assign(plant, { regions, enterprises, sources, loaded: true, failed: false })
  } catch {
    plant.failed = true
  }
}

export async function loadGateways(): Promise<void> {
  try {
    plant.gateways = await api.gateways()
  } catch {
    // The counts of the last answer stay; the link banner tells that the server is away.
  }
}

const regionOf = computed(() => new Map(plant.regions.map((region) => [region.code, region])))
const enterpriseOf = computed(() => new Map(plant.enterprises.map((enterprise) => [enterprise.code, enterprise])))
const sourceOf = computed(() => new Map(plant.sources.map((source) => [`${source.enterprise}/${source.code}`, source])))

export function region(code: string | null | undefined): Region | undefined {
  return regionOf.value.get(code ?? '')
}

export function enterprise(code: string | null | undefined): Enterprise | undefined {
  return enterpriseOf.value.get(code ?? '')
}

export function source(enterpriseCode: string | null | undefined, code: string | null | undefined): Source | undefined {
  return sourceOf.value.get(`${enterpriseCode}/${code}`)
}

export function unit(enterpriseCode: string | null | undefined, sourceCode: string | null | undefined, code: string | null | undefined): Unit | undefined {
  return source(enterpriseCode, sourceCode)?.units?.find((found) => found.code === code)
}

type Placed = Pick<Alarm, 'region' | 'enterprise' | 'source' | 'unit'>

/** The place of an alarm in words: county / enterprise / source / unit. */
export function placeOf(alarm: Placed): string {
  return [region(alarm.region)?.name ?? alarm.region, siteOf(alarm)].filter((part) => part).join(' / ')
}

/** The same without the region. */
export function siteOf(alarm: Placed): string {
  return [
    enterprise(alarm.enterprise)?.name ?? alarm.enterprise,
    source(alarm.enterprise, alarm.source)?.name ?? alarm.source,
    unit(alarm.enterprise, alarm.source, alarm.unit)?.name ?? alarm.unit,
  ]
    .filter((part) => part)
    .join(' / ')
}

/** One node of the tree; `key` is the path that stands in the address. */
export interface Place {
  key: string
  area: Area
  kind: 'region' | 'enterprise' | 'source' | 'unit'
  name: string
  detail: string
  simulated: boolean
  children: Place[]
}

/** Regions that have an enterprise below them, in the tree the codes make, down to the units. */
export function placesOf(regions: Region[], enterprises: Enterprise[], sources: Source[]): Place[] {
  const byCode = new Map(regions.map((entry) => [entry.code, entry]))
  const places = new Map<string, Place>()
  const roots: Place[] = []

  const regionPlace = (code: string): Place => {
    const known = places.get(code)
    if (known) return known
    const entry = byCode.get(code)
    const place: Place = { key: code, area: { region: code }, kind: 'region', name: entry?.name ?? code, detail: code, simulated: false, children: [] }
    places.set(code, place)
    const parent = entry?.parent ?? null
    if (parent !== null && parent !== code) regionPlace(parent).children.push(place)
    else roots.push(place)
    return place
  }

  for (const entry of enterprises) {
    const parent = regionPlace(entry.region)
    const area = { region: entry.region, enterprise: entry.code }
    const place: Place = { key: `${entry.region}/${entry.code}`, area, kind: 'enterprise', name: entry.name, detail: entry.code, simulated: entry.simulated, children: [] }
    parent.children.push(place)
    for (const child of sources.filter((candidate) => candidate.enterprise === entry.code)) {
      place.children.push(sourcePlace(place, child))
    }
  }
  return sorted(roots)
}

function sourcePlace(parent: Place, entry: Source): Place {
  const key = `${parent.key}/${entry.code}`
  const area = { ...parent.area, source: entry.code }
  const children = (entry.units ?? []).map(
    (child): Place => ({
      key: `${key}/${child.code}`,
      area: { ...area, unit: child.code },
      kind: 'unit',
      name: child.name,
      detail: child.code,
      simulated: parent.simulated,
      children: [],
    }),
  )
  return { key, area, kind: 'source', name: entry.name, detail: entry.code, simulated: parent.simulated, children }
}

function sorted(places: Place[]): Place[] {
  for (const place of places) sorted(place.children)
  return places.sort((a, b) => (a.key < b.key ? -1 : 1))
}

export const tree = computed(() => placesOf(plant.regions, plant.enterprises, plant.sources))

export const placeByKey = computed(() => {
  const found = new Map<string, Place>()
  const walk = (places: Place[]): void => {
    for (const place of places) {
      found.set(place.key, place)
      walk(place.children)
    }
  }
  walk(tree.value)
  return found
})
