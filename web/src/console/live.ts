// Figures that keep themselves fresh: asked again while the page is seen, drawn again only when they changed.
import { onScopeDispose, reactive, readonly, watch, type Ref } from 'vue'
import { figures as ask, type FigureQuery } from '@/api'
import { ApiError, explain } from '@/api/client'
import type { Figures } from '@/api/types'
import { today } from '@/shared/dates'

export interface Wanted extends FigureQuery {
  by: 'region' | 'institution'
  level?: 'city' | 'county'
}

interface State {
  data: Figures | null
  loading: boolean
  /** Asked again until told otherwise; false for a day of the past, which cannot change. */
  live: boolean
  fault: string
  /** The last answer came, but the one after it did not. */
  broken: boolean
  /** Which question the data answer: a number of another question is not a number that moved. */
  epoch: number
}

const EVERY_MS = 600
const SLOWEST_MS = 5_000
const BLINK_MS = 250

const kindOf = (wanted: string | null): string => /"by":"(\w+)"/.exec(wanted ?? '')?.[1] ?? ''

export function useFigures(wanted: Ref<Wanted | null>): Readonly<State> {
  const state = reactive<State>({ data: null, loading: true, live: true, fault: '', broken: false, epoch: 0 })
  let etag = ''
  let text = ''
  let timer = 0
  let delay = EVERY_MS
  let question = 0
  let running: AbortController | null = null

  async function round(): Promise<void> {
    const query = wanted.value
    if (!query) return
    window.clearTimeout(timer)
    running?.abort()
    const mine = (running = new AbortController())
    try {
      const response = await ask(query, etag, mine.signal)
      const body = response.status === 304 ? '' : await response.text()
      if (mine.signal.aborted) return
      etag = response.headers.get('etag') ?? etag
      if (body && body !== text) {
        text = body
        state.data = JSON.parse(body) as Figures
        state.epoch = question
      }
      Object.assign(state, { loading: false, fault: '', broken: false })
      delay = EVERY_MS
    } catch (error) {
      if (mine.signal.aborted) return
      if (error instanceof ApiError && !error.passing) state.data = null
      Object.assign(state, { loading: false, fault: explain(error), broken: state.data !== null })
      delay = Math.min(delay * 2, SLOWEST_MS)
    }
    next()
  }

  function next(): void {
    window.clearTimeout(timer)
    const knownOn = wanted.value?.known_on
    state.live = !knownOn || knownOn >= today()
    const again = state.live || state.fault !== ''
    if (again && document.visibilityState === 'visible') timer = window.setTimeout(() => void round(), delay)
  }

  function wake(): void {
    if (document.visibilityState === 'visible' && (state.live || state.fault)) void round()
  }

  watch(
    () => JSON.stringify(wanted.value) ?? 'null',
    (now, before) => {
      etag = text = ''
      question += 1
      // The old figures stand for a blink while the new ones come, unless they are of another kind.
      const same = before !== undefined && kindOf(now) === kindOf(before)
      if (!same) state.data = null
      Object.assign(state, { loading: true, fault: '', broken: false })
      delay = EVERY_MS
      void round()
      window.setTimeout(() => {
        if (state.loading) state.data = null
      }, BLINK_MS)
    },
    { immediate: true },
  )
  document.addEventListener('visibilitychange', wake)
  window.addEventListener('online', wake)
  onScopeDispose(() => {
    window.clearTimeout(timer)
    running?.abort()
    document.removeEventListener('visibilitychange', wake)
    window.removeEventListener('online', wake)
  })
  return readonly(state) as Readonly<State>
}
