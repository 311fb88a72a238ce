/** The rows of the alarm list: what is shown, in which order, held or not, selected or not. */
import { computed, ref, shallowRef, watch, type Ref } from 'vue'
import type { Alarm } from '../contract'
import { locale, word } from '../i18n'
import { placeOf } from '../plant/directory'
import { areaPath, parseArea, parseKind, parseState, parseTiers, passes, type AlarmFilter } from './filter'
import { arrange, comparator, tagOf, type Arrangement, type SortKey } from './order'
import { alarms } from './store'

export function messageOf(alarm: Alarm): string {
  return (locale.value === 'en' ? alarm.message.en : alarm.message.zh) || alarm.message.zh || word('rule', alarm.rule)
}

function wordsOf(alarm: Alarm): string {
  return `${tagOf(alarm)} ${alarm.name ?? ''} ${alarm.message.zh} ${alarm.message.en} ${placeOf(alarm)}`.toLowerCase()
}

export function useRows(parameter: (name: string) => string | undefined, held: Ref<boolean>) {
  const filter = computed<AlarmFilter>(() => ({
    state: parseState(parameter('state')),
    tiers: parseTiers(parameter('tier')),
    kind: parseKind(parameter('kind')),
    area: parseArea(parameter('area')),
    text: parameter('q') ?? '',
  }))
  const sort = computed<SortKey>(() => (parameter('sort') as SortKey | undefined) ?? 'default')
  const filterText = computed(() =>
    [filter.value.state, [...filter.value.tiers].join(), filter.value.kind, areaPath(filter.value.area), filter.value.text, sort.value].join('|'),
  )
  const arrangement = shallowRef<Arrangement>({ ids: [], waiting: [] })
  let before = ''

  watch(
    [alarms.all, filterText, held],
    () => {
      const sameFilter = before === filterText.value
      before = filterText.value
      // Nothing can jump where nothing was shown.
      const hold = held.value && sameFilter && arrangement.value.ids.length > 0
      const keep = hold ? new Set(arrangement.value.ids) : new Set<string>()
      // A row that was shown stays while the order is held, even if it no longer passes the filter.
      const shown = alarms.all.value.filter((alarm) => keep.has(alarm.id) || passes(alarm, filter.value, wordsOf))
      arrangement.value = arrange(shown, comparator(sort.value, placeOf), arrangement.value.ids, hold)
    },
    { immediate: true },
  )

  const rows = computed(() =>
    arrangement.value.ids.map((id) => alarms.get(id)).filter((alarm): alarm is Alarm => alarm !== undefined),
  )
  const waiting = computed(() => arrangement.value.waiting.length)
  const worstWaiting = computed(() => alarms.get(arrangement.value.waiting[0] ?? '')?.tier ?? null)

  /** Take the waiting alarms in although the order is held. */
  function release(): void {
    const shown = alarms.all.value.filter((alarm) => passes(alarm, filter.value, wordsOf))
    arrangement.value = arrange(shown, comparator(sort.value, placeOf), [], false)
  }

  return { filter, sort, rows, waiting, worstWaiting, release }
}

/** A selection with an active row, as in every list of a desktop. */
export function useSelection(rows: Ref<Alarm[]>) {
  const selected = ref(new Set<string>())
  const active = ref<string | null>(null)
  let anchor: string | null = null

  const chosen = computed(() => rows.value.filter((alarm) => selected.value.has(alarm.id)))
  const place = (id: string | null): number => rows.value.findIndex((alarm) => alarm.id === id)
  const activeIndex = computed(() => place(active.value))

  function only(id: string): void {
    selected.value = new Set([id])
    active.value = anchor = id
  }

  function toggle(id: string): void {
    const next = new Set(selected.value)
    if (!next.delete(id)) next.add(id)
    selected.value = next
    active.value = anchor = id
  }

  function extend(id: string): void {
    const [from, to] = [place(anchor ?? id), place(id)].sort((a, b) => a - b) as [number, number]
    selected.value = new Set(rows.value.slice(Math.max(0, from), to + 1).map((alarm) => alarm.id))
    active.value = id
  }

  function clear(): void {
    selected.value = new Set()
    anchor = null
  }

  /** Move the active row by steps; ±Infinity reaches the ends. */
  function move(steps: number, extending: boolean): void {
    const last = rows.value.length - 1
    if (last < 0) return
    const from = activeIndex.value < 0 ? (steps > 0 ? -1 : last + 1) : activeIndex.value
    const to = rows.value[Math.min(last, Math.max(0, from + steps))]
    if (to === undefined) return
    if (extending) extend(to.id)
    else only(to.id)
  }

  // What has left the list is no longer selected.
  watch(rows, () => {
    const present = new Set(rows.value.map((alarm) => alarm.id))
    if ([...selected.value].some((id) => !present.has(id))) {
      selected.value = new Set([...selected.value].filter((id) => present.has(id)))
    }
    if (active.value !== null && !present.has(active.value)) active.value = null
  })

  return { selected, active, activeIndex, chosen, only, toggle, extend, clear, move }
}
