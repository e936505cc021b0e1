// The list an account manager works from: tasks of the visits service, names of the registry, and what the queue knows.
import { computed, reactive, readonly } from 'vue'
import { enterprises as askEnterprises, regions as askRegions, staffOf, tasks as askTasks } from '@/api'
import { explain } from '@/api/client'
import type { Enterprise, Region, Staff, Task, TaskState } from '@/api/types'
import { daysBetween, today } from '@/shared/dates'
import { session } from '@/shared/session'
import { remember, remembered, type QueuedVisit } from './db'
import { queue } from './queue'

export type Pending = 'waiting' | 'failed' | null

export interface Item {
  task: Task
  name: string
  region: string
  uscc: string
  state: TaskState
  pending: Pending
  reason: string
  /** The last visit counts; false: recorded but something is missing. */
  complete: boolean
  missing: string[]
  lastVisitOn: string
  daysLeft: number
}

interface State {
  tasks: Task[]
  enterprises: Map<string, Enterprise>
  regions: Map<string, Region>
  /** Colleagues of the outlet, for the visit team. */
  staff: Staff[]
  loading: boolean
  /** Shown from the phone's memory because the server cannot be reached. */
  stale: boolean
  fault: string
  readAt: number
}

const state = reactive<State>({
  tasks: [],
  enterprises: new Map(),
  regions: new Map(),
  staff: [],
  loading: true,
  stale: false,
  fault: '',
  readAt: 0,
})

export const work = readonly(state) as Readonly<State>

export function putEnterprise(found: Enterprise): void {
  state.enterprises.set(found.enterprise_id, found)
}

/** Shows what the phone remembers at once, then the server's answer. */
export async function load(): Promise<void> {
  const account = session.account
  if (!account) return
  if (!state.readAt) {
    const last = await remembered().catch(() => undefined)
    if (last && last.account.account_id === account.account_id) {
      fill(last.tasks, last.enterprises, last.regions, last.read_at)
      state.staff = last.staff
    }
  }
  try {
    const found = await askTasks()
    const missing = found.map((task) => task.enterprise_id).filter((id) => !state.enterprises.has(id))
    const [names, regions, staff] = await Promise.all([
      askEnterprises(Array.from(new Set(missing))),
      state.regions.size ? [] : askRegions().catch(() => []),
      account.outlet_id ? staffOf(account.outlet_id).catch(() => state.staff) : [],
    ])
    state.staff = staff
    fill(found, names, regions, Date.now())
    state.stale = false
    state.fault = ''
    void remember({
      account: { ...account },
      tasks: found,
      enterprises: Array.from(state.enterprises.values()),
      regions: Array.from(state.regions.values()),
      staff,
      read_at: state.readAt,
    }).catch(() => undefined)
  } catch (error) {
    state.stale = true
    state.fault = explain(error)
  }
  state.loading = false
}

function fill(tasks: Task[], enterprises: Enterprise[], regions: Region[], readAt: number): void {
  state.tasks = tasks
  for (const each of enterprises) state.enterprises.set(each.enterprise_id, each)
  for (const each of regions) state.regions.set(each.region_code, each)
  state.readAt = readAt
  state.loading = false
}

export function reset(): void {
  Object.assign(state, { tasks: [], enterprises: new Map(), regions: new Map(), staff: [], loading: true, stale: false, fault: '', readAt: 0 })
}

export function regionName(code: string | null | undefined): string {
  if (!code) return ''
  const region = state.regions.get(code)
  if (!region) return ''
  const parent = region.level === 'county' ? state.regions.get(region.parent_code ?? `${code.slice(0, 4)}00`) : undefined
  return parent && parent.level === 'city' ? `${parent.name} ${region.name}` : region.name
}

export const items = computed<Item[]>(() => {
  const queued = new Map<string, QueuedVisit>()
  for (const visit of queue.visits) queued.set(visit.body.enterprise_id, visit)
  return state.tasks.map((task) => itemOf(task, queued.get(task.enterprise_id))).sort(byDeadline)
})

function itemOf(task: Task, visit: QueuedVisit | undefined): Item {
  const enterprise = state.enterprises.get(task.enterprise_id)
  const known = task.last_visit_on ?? ''
  // The phone's own word counts until the list has caught up with it.
  const newer = visit?.state === 'saved' && visit.body.visited_on >= known ? visit : undefined
  const complete = task.visit_complete === true || newer?.answer?.complete === true
  return {
    task,
    name: enterprise?.name ?? task.name ?? '（名称待取得）',
    region: regionName(task.region_code),
    uscc: enterprise?.uscc ?? '',
    state: complete ? 'visited' : task.state,
    pending: visit && visit.state !== 'saved' ? visit.state : null,
    reason: visit?.reason ?? '',
    complete,
    missing: newer?.answer?.missing ?? [],
    lastVisitOn: newer?.body.visited_on ?? known,
    daysLeft: daysBetween(today(), task.due_on),
  }
}

function byDeadline(a: Item, b: Item): number {
  return a.task.due_on < b.task.due_on ? -1 : a.task.due_on > b.task.due_on ? 1 : a.name.localeCompare(b.name, 'zh-CN')
}

const MISSING: Record<string, string> = { photo: '照片', photos: '照片', place: '位置', interviewee: '受访人', staff: '走访人员', team: '走访人员' }

export const missingText = (codes: readonly string[]): string => codes.map((code) => MISSING[code] ?? code).join('、')
