// The calls the pages make, one function each.
import { call, send } from './client'
import type {
  Account,
  Bulletin,
  Campaign,
  Enterprise,
  FigureEnterprises,
  FigureEvent,
  Figures,
  Page,
  Path,
  Region,
  Session,
  Staff,
  Task,
  VisitIn,
  VisitSaved,
} from './types'

const IDENTITY = '/api/identity/v1'
const REGISTRY = '/api/registry/v1'
const ALLOCATION = '/api/allocation/v1'
const VISITS = '/api/visits/v1'
const REPORTING = '/api/reporting/v1'

/** An address that the services' documents name, with its id put in. */
const to = (path: Path, id = ''): string => path.replace(/\{\w+\}/, id)

/** Longest list of ids put into one address. */
const IDS_PER_CALL = 100

export const signIn = (username: string, password: string): Promise<Session> =>
  call(to(`${IDENTITY}/sign-in`), { method: 'POST', body: { username, password }, open: true })

export const activate = (username: string, activationCode: string, password: string): Promise<void> =>
  call(to(`${IDENTITY}/activations`), {
    method: 'POST',
    body: { username, activation_code: activationCode, password },
    open: true,
  })

export const signOut = (): Promise<void> => call(to(`${IDENTITY}/sign-out`), { method: 'POST' })

export const me = (): Promise<Account> => call(to(`${IDENTITY}/me`))

export const regions = async (): Promise<Region[]> => (await call<Page<Region>>(to(`${REGISTRY}/regions`))).items

export const enterprise = (id: string): Promise<Enterprise> => call(to(`${REGISTRY}/enterprises/{enterprise_id}`, id))

export async function enterprises(ids: string[]): Promise<Enterprise[]> {
  const found: Enterprise[] = []
  for (let at = 0; at < ids.length; at += IDS_PER_CALL) {
    const query = { ids: ids.slice(at, at + IDS_PER_CALL).join(','), limit: IDS_PER_CALL }
    found.push(...(await call<Page<Enterprise>>(to(`${REGISTRY}/enterprises`), { query })).items)
  }
  return found
}

export const staffOf = async (outletId: string): Promise<Staff[]> =>
  (await call<Page<Staff>>(to(`${REGISTRY}/staff`), { query: { outlet_id: outletId, limit: 200 } })).items

export const campaigns = async (): Promise<Campaign[]> => (await call<Page<Campaign>>(to(`${ALLOCATION}/campaigns`))).items

export async function tasks(): Promise<Task[]> {
  const all: Task[] = []
  let cursor: string | null | undefined
  do {
    const page: Page<Task> = await call(to(`${VISITS}/tasks`), { query: { limit: 500, cursor } })
    all.push(...page.items)
    cursor = page.next_cursor
  } while (cursor)
  return all
}

export const photoPath = (photoId: string): string => to(`${VISITS}/photos/{photo_id}`, photoId)

export const saveVisit = (visit: VisitIn): Promise<VisitSaved> =>
  call(to(`${VISITS}/visits`), { method: 'POST', body: visit, key: visit.visit_id })

/** What a figure is asked for; the same words as in the address of the board. */
export interface FigureQuery {
  campaign_id: string
  quarter: string
  known_on?: string
  region?: string
  institution_id?: string
}

export const figures = (
  query: FigureQuery & { by: 'region' | 'institution'; level?: 'city' | 'county' },
  etag: string,
  signal: AbortSignal,
): Promise<Response> => send(to(`${REPORTING}/figures`), { query: { ...query }, etag, signal })

export type { Figures }

export const figureEnterprises = (
  query: FigureQuery & { metric: string; cursor?: string | null },
): Promise<FigureEnterprises> => call(to(`${REPORTING}/figures/enterprises`), { query: { ...query, limit: 100 } })

export const figureEvents = async (
  query: FigureQuery & { metric: string; enterprise_id: string },
): Promise<FigureEvent[]> => (await call<Page<FigureEvent>>(to(`${REPORTING}/figures/events`), { query: { ...query } })).items

export const bulletins = async (campaignId: string): Promise<Bulletin[]> =>
  (await call<Page<Bulletin>>(to(`${REPORTING}/bulletins`), { query: { campaign_id: campaignId } })).items

export const bulletinFile = async (id: string): Promise<Blob> =>
  (await send(to(`${REPORTING}/bulletins/{bulletin_id}/file.xlsx`, id))).blob()
