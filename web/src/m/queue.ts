// The outgoing queue: photos first, then the visit, each call safe to repeat.
import { reactive, readonly } from 'vue'
import { photoPath, saveVisit } from '@/api'
import { alone, ApiError, explain, putBytes } from '@/api/client'
import type { VisitIn } from '@/api/types'
import { db, type QueuedVisit } from './db'

interface State {
  visits: QueuedVisit[]
  sending: boolean
}

const state = reactive<State>({ visits: [], sending: false })

export const queue = readonly(state) as Readonly<State>

const SLOWEST_RETRY_MS = 60_000
const FIRST_RETRY_MS = 2_000
/** Saved entries stay this long, so that the list shows them even when the tasks lag behind. */
const KEEP_SAVED_MS = 24 * 3_600_000
const KEEP_LOOSE_PHOTOS_MS = 7 * KEEP_SAVED_MS

let accountId = ''
let delay = FIRST_RETRY_MS
let timer = 0
let whenSaved: (visit: QueuedVisit) => void = () => undefined

export function onSaved(listener: (visit: QueuedVisit) => void): void {
  whenSaved = listener
}

/** Opens the queue of one account; another person's unsent work stays untouched on the phone. */
export async function openQueue(account: string): Promise<void> {
  accountId = account
  const store = await db()
  const all = (await store.getAll('visits')).filter((visit) => visit.account_id === account)
  const old = all.filter((visit) => visit.state === 'saved' && Date.now() - visit.queued_at > KEEP_SAVED_MS)
  for (const visit of old) await store.delete('visits', visit.visit_id)
  state.visits = all.filter((visit) => !old.includes(visit)).sort((a, b) => a.queued_at - b.queued_at)
  await sweepPhotos(all)
  void flush()
}

/** Photos of forms that were never finished do not stay on the phone for ever. */
async function sweepPhotos(visits: QueuedVisit[]): Promise<void> {
  const store = await db()
  const queued = new Set(visits.flatMap((visit) => visit.body.photo_ids))
  for (const photo of await store.getAll('photos')) {
    const own = photo.account_id === accountId
    if (own && !queued.has(photo.photo_id) && Date.now() - photo.stored_at > KEEP_LOOSE_PHOTOS_MS) {
      await store.delete('photos', photo.photo_id)
    }
  }
}

export function closeQueue(): void {
  accountId = ''
  state.visits = []
  window.clearTimeout(timer)
}

export async function enqueue(body: VisitIn, enterpriseName: string): Promise<void> {
  const visit: QueuedVisit = {
    visit_id: body.visit_id,
    account_id: accountId,
    enterprise_name: enterpriseName,
    body: JSON.parse(JSON.stringify(body)) as VisitIn,
    state: 'waiting',
    reason: '',
    queued_at: Date.now(),
    answer: null,
  }
  await put(visit)
}

async function put(visit: QueuedVisit): Promise<void> {
  await (await db()).put('visits', JSON.parse(JSON.stringify(visit)) as QueuedVisit)
  const at = state.visits.findIndex((each) => each.visit_id === visit.visit_id)
  if (at < 0) state.visits.push(visit)
  else state.visits.splice(at, 1, visit)
}

/** Drops an entry that the server has refused, with its photos. */
export async function discard(visitId: string): Promise<void> {
  const visit = state.visits.find((each) => each.visit_id === visitId)
  if (!visit) return
  await dropPhotos(visit)
  await (await db()).delete('visits', visitId)
  state.visits = state.visits.filter((each) => each.visit_id !== visitId)
}

/** Takes a refused entry out of the queue but leaves its photos to the form that will send it again. */
export async function takeBack(visitId: string): Promise<void> {
  await (await db()).delete('visits', visitId)
  state.visits = state.visits.filter((each) => each.visit_id !== visitId)
}

export async function retry(visitId: string): Promise<void> {
  const visit = state.visits.find((each) => each.visit_id === visitId)
  if (visit) await put({ ...visit, state: 'waiting', reason: '' })
  await flush()
}

async function dropPhotos(visit: QueuedVisit): Promise<void> {
  const store = await db()
  for (const id of visit.body.photo_ids) await store.delete('photos', id)
}

let running: Promise<void> | null = null

/** Sends what waits, oldest first; ends early when the network is away and tries again later. */
export function flush(): Promise<void> {
  running ??= alone('yinqi-queue', sendAll).finally(() => {
    running = null
    // Something was queued while the last round was ending.
    if (state.visits.some((visit) => visit.state === 'waiting') && !timer) schedule()
  })
  return running
}

async function sendAll(): Promise<void> {
  window.clearTimeout(timer)
  timer = 0
  if (!accountId) return
  state.sending = true
  try {
    for (;;) {
      const next = state.visits.find((visit) => visit.state === 'waiting')
      if (!next) break
      if (!(await sendOne(next))) {
        schedule()
        return
      }
      delay = FIRST_RETRY_MS
    }
  } finally {
    state.sending = false
  }
}

/** True when the entry is settled, saved or refused; false when it must wait. */
async function sendOne(visit: QueuedVisit): Promise<boolean> {
  try {
    for (const id of visit.body.photo_ids) await uploadPhoto(id)
    const answer = await saveVisit(visit.body)
    const saved: QueuedVisit = { ...visit, state: 'saved', reason: '', answer }
    await put(saved)
    await dropPhotos(visit)
    whenSaved(saved)
    return true
  } catch (error) {
    const waits = !(error instanceof ApiError) || error.passing || error.status === 401
    await put({ ...visit, state: waits ? 'waiting' : 'failed', reason: explain(error) })
    return !waits
  }
}

function schedule(): void {
  timer = window.setTimeout(() => void flush(), delay)
  delay = Math.min(delay * 2, SLOWEST_RETRY_MS)
}

/** How far each photo is, 0…1; the form draws it. */
export const uploads = reactive(new Map<string, number>())
const uploading = new Map<string, Promise<void>>()

/** Uploads a stored photo once; a second caller joins the first. */
export function uploadPhoto(photoId: string): Promise<void> {
  const known = uploading.get(photoId)
  if (known) return known
  const work = (async () => {
    const store = await db()
    const photo = await store.get('photos', photoId)
    if (!photo || photo.uploaded) {
      uploads.set(photoId, 1)
      return
    }
    uploads.set(photoId, 0)
    await putBytes(photoPath(photoId), photo.bytes, photo.type, photoId, (share) => uploads.set(photoId, share * 0.98))
    // The form may have removed it meanwhile; then nothing is written back.
    if (await store.get('photos', photoId)) await store.put('photos', { ...photo, uploaded: true })
    uploads.set(photoId, 1)
  })().finally(() => uploading.delete(photoId))
  uploading.set(photoId, work)
  return work
}

function hurry(): void {
  if (document.visibilityState !== 'visible' || !accountId) return
  delay = FIRST_RETRY_MS
  void flush()
}
window.addEventListener('online', hurry)
document.addEventListener('visibilitychange', hurry)
