// What the phone keeps: visits not yet sent with their photos, unfinished forms, the last list seen.
import { openDB, type DBSchema, type IDBPDatabase } from 'idb'
import type { Account, Enterprise, Region, Staff, Task, VisitIn, VisitSaved } from '@/api/types'

/** waiting → (sent) saved, or failed when the server refuses it for good. */
export type QueueState = 'waiting' | 'failed' | 'saved'

export interface QueuedVisit {
  visit_id: string
  account_id: string
  enterprise_name: string
  body: VisitIn
  state: QueueState
  reason: string
  queued_at: number
  answer: VisitSaved | null
}

export interface StoredPhoto {
  photo_id: string
  account_id: string
  /** Bytes, not a File: iOS makes a new file each time one is picked. */
  bytes: ArrayBuffer
  type: string
  uploaded: boolean
  stored_at: number
}

export interface Draft {
  enterprise_id: string
  account_id: string
  form: string
  saved_at: number
}

export interface Remembered {
  account: Account
  tasks: Task[]
  enterprises: Enterprise[]
  regions: Region[]
  staff: Staff[]
  read_at: number
}

interface Shape extends DBSchema {
  visits: { key: string; value: QueuedVisit }
  photos: { key: string; value: StoredPhoto }
  drafts: { key: string; value: Draft }
  remembered: { key: string; value: Remembered }
}

let opened: Promise<IDBPDatabase<Shape>> | null = null

export function db(): Promise<IDBPDatabase<Shape>> {
  opened ??= openDB<Shape>('yinqi-m', 1, {
    upgrade(store) {
      store.createObjectStore('visits', { keyPath: 'visit_id' })
      store.createObjectStore('photos', { keyPath: 'photo_id' })
      store.createObjectStore('drafts', { keyPath: 'enterprise_id' })
      store.createObjectStore('remembered')
    },
  })
  return opened
}

const LAST = 'last'

export const remembered = async (): Promise<Remembered | undefined> => (await db()).get('remembered', LAST)

/** Through JSON because reactive proxies cannot be cloned into the store. */
export async function remember(what: Remembered): Promise<void> {
  await (await db()).put('remembered', JSON.parse(JSON.stringify(what)) as Remembered, LAST)
}

export async function forget(): Promise<void> {
  const store = await db()
  await store.delete('remembered', LAST)
  await store.clear('drafts')
}
