// A list that is read page by page, anew whenever what it is asked for changes.
import { reactive, watch } from 'vue'
import { ApiError, explain } from '@/api/client'
import type { Page } from '@/api/types'

export interface Listing<T> {
  items: T[]
  more: boolean
  loading: boolean
  fault: string
  status: number
}

const TYPING_MS = 250

export function useListing<T>(
  question: () => unknown,
  ask: (cursor: string | null) => Promise<Page<T>>,
): { list: Listing<T>; again: () => Promise<void>; further: () => Promise<void> } {
  const list = reactive({ items: [], more: false, loading: true, fault: '', status: 200 }) as Listing<T>
  let cursor: string | null = null
  let turn = 0
  let timer = 0

  async function read(from: string | null): Promise<void> {
    const mine = ++turn
    list.loading = true
    try {
      const page = await ask(from)
      if (mine !== turn) return
      list.items = from ? [...list.items, ...page.items] : page.items
      cursor = page.next_cursor ?? null
      Object.assign(list, { more: cursor !== null, loading: false, fault: '', status: 200 })
    } catch (error) {
      if (mine !== turn) return
      const status = error instanceof ApiError ? error.status : 0
      Object.assign(list, { items: from ? list.items : [], more: false, loading: false, fault: explain(error), status })
    }
  }

  watch(
    () => JSON.stringify(question()),
    (_, before) => {
      window.clearTimeout(timer)
      if (before === undefined) void read(null)
      else timer = window.setTimeout(() => void read(null), TYPING_MS)
    },
    { immediate: true },
  )
  return { list, again: () => read(null), further: () => read(cursor) }
}
