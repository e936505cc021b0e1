// The calls the pages make, one function each.
import { address, call, send } from './client'
import type {
  Account,
  AccountDetail,
  AccountRow,
  Approval,
  Assignment,
  AuditLine,
  AuditVerified,
  BindingCode,
  Bulletin,
  Campaign,
  Contact,
  ContactsAnswer,
  Enrolment,
  Enterprise,
  DoubtfulRow,
  Dropped,
  FigureEnterprises,
  FigureEvent,
  Figures,
  Import,
  ImportForm,
  ImportKind,
  ImportRow,
  ImportStarted,
  Institution,
  Job,
  NewAccount,
  NewPlan,
  NewScenario,
  Outlet,
  Page,
  ParkedEvent,
  Path,
  Plan,
  PlanStarted,
  PlanView,
  Profile,
  RecoveryCodes,
  Region,
  Return,
  ReturnReason,
  Roster,
  RowDecision,
  Scenario,
  Session,
  SignInMethods,
  Staff,
  Suggestion,
  Task,
  VisitIn,
  VisitSaved,
  WhatIf,
} from './types'

const IDENTITY = '/api/identity/v1'
const REGISTRY = '/api/registry/v1'
const ALLOCATION = '/api/allocation/v1'
const VISITS = '/api/visits/v1'
const REPORTING = '/api/reporting/v1'

/** An address that the services' documents name, with its ids put in, in their order. */
function to(path: Path, ...ids: (string | number)[]): string {
  let at = 0
  return path.replace(/\{\w+\}/g, () => String(ids[at++] ?? ''))
}

/** Longest list of ids put into one address. */
const IDS_PER_CALL = 100

export interface Credentials {
  username: string
  password: string
  /** Six digits of the authenticator. */
  code?: string
  recovery_code?: string
}

const openPost = <T>(path: Path, body: unknown): Promise<T> => call(to(path), { method: 'POST', body, open: true })

export const signIn = (given: Credentials): Promise<Session> => openPost(`${IDENTITY}/sign-in`, given)

export const activate = (username: string, activationCode: string, password: string): Promise<void> =>
  openPost(`${IDENTITY}/activations`, { username, activation_code: activationCode, password })

export const beginTotp = (given: Credentials): Promise<Enrolment> => openPost(`${IDENTITY}/totp/enrolments`, given)

export const confirmTotp = (given: Credentials): Promise<RecoveryCodes> => openPost(`${IDENTITY}/totp/confirmations`, given)

export const bindWechat = (code: string): Promise<Session> => openPost(`${IDENTITY}/wechat-bindings`, { code })

export const signInMethods = (): Promise<SignInMethods> => call(to(`${IDENTITY}/sign-in-methods`), { open: true })

/** Where a browser goes to sign in elsewhere; `page` is where it comes back to. */
export const signInElsewhere = (path: Path, page: string): string => address(to(path), { next: page })

export interface AccountFilter {
  search?: string
  role?: string
  active?: string
}

export const accounts = (filter: AccountFilter, cursor?: string | null): Promise<Page<AccountDetail>> =>
  call(to(`${IDENTITY}/accounts`), { query: { ...filter, cursor, limit: 100 } })

export const openAccounts = (rows: NewAccount[]): Promise<{ items: AccountRow[] }> =>
  call(to(`${IDENTITY}/accounts:batch`), { method: 'POST', body: { rows } })

const accountDeed = <T>(path: Path, id: string): Promise<T> => call(to(path, id), { method: 'POST' })

export const disableAccount = (id: string): Promise<AccountDetail> => accountDeed(`${IDENTITY}/accounts/{account_id}/disable`, id)
export const enableAccount = (id: string): Promise<AccountDetail> => accountDeed(`${IDENTITY}/accounts/{account_id}/enable`, id)
export const resetAccount = (id: string): Promise<AccountRow> => accountDeed(`${IDENTITY}/accounts/{account_id}/reset`, id)

export const bindingCode = (id: string): Promise<BindingCode> =>
  call(to(`${IDENTITY}/wechat-bindings:code`), { method: 'POST', body: { account_id: id } })

export const approvals = (state: string, cursor?: string | null): Promise<Page<Approval>> =>
  call(to(`${IDENTITY}/approvals`), { query: { state, cursor, limit: 100 } })

export const withdraw = (id: string): Promise<Approval> =>
  call(to(`${IDENTITY}/approvals/{approval_id}/withdrawal`, id), { method: 'POST' })

export const decide = (id: string, approved: boolean, reason: string): Promise<Approval> =>
  call(to(`${IDENTITY}/approvals/{approval_id}/decision`, id), { method: 'POST', body: { approved, reason } })

export const signOut = (): Promise<void> => openPost(`${IDENTITY}/sign-out`, undefined)

export const me = (): Promise<Account> => call(to(`${IDENTITY}/me`))

export interface AuditQuery {
  actor: string
  action: string
  subject: string
  from: string
  to: string
}

export const auditLines = (service: string, query: AuditQuery, cursor?: string | null): Promise<Page<AuditLine>> =>
  call(`/api/${service}/v1/audit`, { query: { ...query, cursor, limit: 100 } })

/** All that fit the question, at most so many; newest first. */
export async function allAuditLines(service: string, query: AuditQuery, most: number): Promise<AuditLine[]> {
  const found: AuditLine[] = []
  let cursor: string | null = null
  do {
    const page: Page<AuditLine> = await call(`/api/${service}/v1/audit`, { query: { ...query, cursor, limit: 500 } })
    found.push(...page.items)
    cursor = page.next_cursor ?? null
  } while (cursor && found.length < most)
  return found.slice(0, most)
}

/** One part of a verification; where the answer has a `next_cursor`, a call with that goes on. */
export const verifyAudit = (service: string, cursor: string | null): Promise<AuditVerified> =>
  call(`/api/${service}/v1/audit/verification`, { method: 'POST', query: { cursor } })

export const parkedEvents = (service: string): Promise<{ items: ParkedEvent[]; total: number }> =>
  call(`/api/${service}/v1/parked`, { query: { limit: 500 } })

export const retryParked = (service: string): Promise<{ job_id: string }> =>
  call(`/api/${service}/v1/parked:retry`, { method: 'POST', body: { consumer: '' } })

export const job = (service: string, id: string): Promise<Job> => call(`/api/${service}/v1/jobs/${id}`)

export const regions = async (): Promise<Region[]> => (await call<Page<Region>>(to(`${REGISTRY}/regions`))).items

export const importForms = async (): Promise<ImportForm[]> => (await call<{ items: ImportForm[] }>(to(`${REGISTRY}/import-forms`))).items

export interface NewImport {
  file: File
  kind: ImportKind
  /** The day of a list, or from which day a directory holds. */
  day: string
  /** Header → column, where a clerk corrected what the sheet's titles say. */
  mapping: Record<string, string>
  dryRun: boolean
}

export function startImport(given: NewImport): Promise<ImportStarted> {
  const body = new FormData()
  body.set('kind', given.kind)
  if (given.day) body.set(given.kind === 'enterprises' ? 'list_vintage' : 'valid_from', given.day)
  body.set('dry_run', String(given.dryRun))
  if (Object.keys(given.mapping).length) body.set('mapping', JSON.stringify(given.mapping))
  body.set('file', given.file)
  return call(to(`${REGISTRY}/imports`), { method: 'POST', body })
}

export const imports = (cursor?: string | null): Promise<Page<Import>> => call(to(`${REGISTRY}/imports`), { query: { cursor, limit: 20 } })

export const importOf = (id: string): Promise<Import> => call(to(`${REGISTRY}/imports/{import_id}`, id))

export const importRows = (id: string, outcome: string, cursor?: string | null): Promise<Page<ImportRow>> =>
  call(to(`${REGISTRY}/imports/{import_id}/rows`, id), { query: { outcome, cursor, limit: 50 } })

export const importDropped = (id: string, cursor?: string | null): Promise<Page<Dropped>> =>
  call(to(`${REGISTRY}/imports/{import_id}/dropped`, id), { query: { cursor, limit: 50 } })

export const importReport = async (id: string): Promise<Blob> => (await send(to(`${REGISTRY}/imports/{import_id}/report.xlsx`, id))).blob()

export const doubtfulRows = (cursor?: string | null): Promise<Page<DoubtfulRow>> => call(to(`${REGISTRY}/doubtful`), { query: { cursor, limit: 50 } })

export const decideRow = (importId: string, row: number, body: RowDecision): Promise<ImportRow> =>
  call(to(`${REGISTRY}/imports/{import_id}/rows/{row}/decision`, importId, row), { method: 'POST', body })

/** Takes back that a row was left out: it waits for a person again. */
export const reopenRow = (importId: string, row: number, reason: string): Promise<ImportRow> =>
  call(to(`${REGISTRY}/imports/{import_id}/rows/{row}/reopening`, importId, row), { method: 'POST', body: { reason } })

export const findEnterprises = async (q: string): Promise<Enterprise[]> =>
  (await call<Page<Enterprise>>(to(`${REGISTRY}/enterprises`), { query: { q, limit: 5 } })).items

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

export const institutions = async (): Promise<Institution[]> => (await call<Page<Institution>>(to(`${REGISTRY}/institutions`), { query: { limit: 500 } })).items

/** All pages of a list. */
async function whole<T>(path: Path): Promise<T[]> {
  const all: T[] = []
  let cursor: string | null | undefined
  do {
    const page: Page<T> = await call(to(path), { query: { limit: 500, cursor } })
    all.push(...page.items)
    cursor = page.next_cursor
  } while (cursor)
  return all
}

export const outlets = (): Promise<Outlet[]> => whole(`${REGISTRY}/outlets`)
export const roster = (): Promise<Roster[]> => whole(`${REGISTRY}/staff`)

export const assignments = (campaignId: string, withoutContact: boolean, cursor?: string | null): Promise<Page<Assignment>> =>
  call(to(`${ALLOCATION}/assignments`), { query: { campaign_id: campaignId, without_contact: String(withoutContact), cursor, limit: 50 } })

export const suggestions = async (campaignId: string): Promise<Suggestion[]> =>
  (await call<{ items: Suggestion[] }>(to(`${ALLOCATION}/contacts/suggestions`), { query: { campaign_id: campaignId, limit: 500 } })).items

export const nameContacts = (rows: Contact[]): Promise<ContactsAnswer> => call(to(`${ALLOCATION}/contacts:batch`), { method: 'POST', body: { rows } })

export const returnReasons = async (): Promise<ReturnReason[]> =>
  (await call<{ items: ReturnReason[] }>(to(`${ALLOCATION}/return-reasons`))).items

export const askReturn = (assignmentId: string, reasonCode: string, note: string): Promise<Return> =>
  call(to(`${ALLOCATION}/assignments/{assignment_id}/returns`, assignmentId), { method: 'POST', body: { reason_code: reasonCode, note } })

export const returns = (campaignId: string, state: string, cursor?: string | null): Promise<Page<Return>> =>
  call(to(`${ALLOCATION}/returns`), { query: { campaign_id: campaignId, state, cursor, limit: 50 } })

export const decideReturn = (id: string, granted: boolean, note: string): Promise<Return> =>
  call(to(`${ALLOCATION}/returns/{return_id}/decision`, id), { method: 'POST', body: { granted, note } })

export const profile = (code: string): Promise<Profile> => call(to(`${ALLOCATION}/profiles/{code}`, code))

export const plans = (campaignId: string): Promise<Page<Plan>> => call(to(`${ALLOCATION}/plans`), { query: { campaign_id: campaignId } })

export const planOf = (id: string): Promise<PlanView> => call(to(`${ALLOCATION}/plans/{plan_id}`, id))

export const solvePlan = (campaignId: string, body: NewPlan): Promise<PlanStarted> =>
  call(to(`${ALLOCATION}/campaigns/{campaign_id}/plans`, campaignId), { method: 'POST', body })

export const checkPlan = (id: string): Promise<Plan> => call(to(`${ALLOCATION}/plans/{plan_id}/check`, id), { method: 'POST' })
export const publishPlan = (id: string): Promise<PlanStarted> => call(to(`${ALLOCATION}/plans/{plan_id}/publication`, id), { method: 'POST' })
export const planFile = async (id: string): Promise<Blob> => (await send(to(`${ALLOCATION}/plans/{plan_id}/export`, id))).blob()

export const scenarios = async (campaignId: string): Promise<Scenario[]> =>
  (await call<Page<Scenario>>(to(`${ALLOCATION}/campaigns/{campaign_id}/scenarios`, campaignId))).items

export const whatIf = (campaignId: string, query: Record<string, string | number>): Promise<WhatIf> =>
  call(to(`${ALLOCATION}/campaigns/{campaign_id}/what-if`, campaignId), { query })

export const keepScenario = (campaignId: string, body: NewScenario): Promise<Scenario> =>
  call(to(`${ALLOCATION}/campaigns/{campaign_id}/scenarios`, campaignId), { method: 'POST', body })

export const forgetScenario = (id: string): Promise<void> => call(to(`${ALLOCATION}/scenarios/{scenario_id}`, id), { method: 'DELETE' })

export const tasks = (): Promise<Task[]> => whole(`${VISITS}/tasks`)

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
