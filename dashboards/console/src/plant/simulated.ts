/** Whether anything on the screen comes from a simulation: each page says so of what it shows. */
import { computed, onUnmounted, shallowReactive, watch } from 'vue'

const pages = shallowReactive(new Map<symbol, boolean>())

export const shownSimulated = computed(() => [...pages.values()].some(Boolean))

/** Tell, as long as the calling component lives, whether it shows something simulated. */
export function showsSimulated(answer: () => boolean): void {
  const page = Symbol('page')
  watch(answer, (is) => pages.set(page, is), { immediate: true })
  onUnmounted(() => pages.delete(page))
}
