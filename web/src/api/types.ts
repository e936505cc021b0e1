// The shapes the pages read: aliases of what `npm run types` makes of the services' own documents, so
// that a field that goes or changes there is a compile error here.
import type { components as Identity, paths as IdentityPaths } from './.schema/identity'
import type { components as Registry, paths as RegistryPaths } from './.schema/registry'
import type { components as Allocation, paths as AllocationPaths } from './.schema/allocation'
import type { components as Visits, paths as VisitsPaths } from './.schema/visits'
import type { components as Reporting, paths as ReportingPaths } from './.schema/reporting'

/** Every address a service answers on; ids stand in braces. */
export type Path = keyof (IdentityPaths & RegistryPaths & AllocationPaths & VisitsPaths & ReportingPaths)

export interface Page<T> {
  items: T[]
  next_cursor?: string | null
}

export type FieldError = Partial<Identity['schemas']['ErrorOut']> & { message: string }

/** A problem document (RFC 9457); the gateway and the network give less of it than a service. */
export interface Problem {
  title?: string
  status?: number
  code?: string
  detail?: string
  errors?: FieldError[]
}

export type Account = Identity['schemas']['AccountOut']
export type Role = Account['role']
/** The session a browser has: its cookie is the browser's own business, the page needs the rest. */
export type Session = Identity['schemas']['SessionOut']
export type Enrolment = Identity['schemas']['EnrolmentOut']
export type RecoveryCodes = Identity['schemas']['RecoveryCodesOut']
export type SignInMethods = Identity['schemas']['SignInMethodsOut']
export type AccountDetail = Identity['schemas']['AccountDetailOut']
export type NewAccount = Identity['schemas']['AccountIn']
export type AccountRow = Identity['schemas']['AccountRowOut']
export type BindingCode = Identity['schemas']['BindingCodeOut']
export type Approval = Identity['schemas']['ApprovalOut']

/** An event that a service set aside, with those of the same key behind it; all services tell the same. */
export interface ParkedEvent {
  consumer: string
  topic: string
  part: number
  off: number
  key: string
  seq: number
  error: string
  attempts: number
  parked_at: string
  known_at: string
  payload: string
}

export interface Job {
  job_id: string
  state: string
  progress: number
  stage: string
  result: Record<string, unknown> | null
  error: string | null
}

/** A line of a service's audit log; all services write the same. */
export interface AuditLine {
  id: number
  /** Whose chain it stands in, and where; null for the moment until it is chained. */
  org: string
  n: number | null
  hash: string | null
  at: string
  actor: string
  action: string
  subject: string
  before: unknown
  after: unknown
  trace: string | null
}

export type AuditVerified = Identity['schemas']['VerifiedOut']

export type Import = Registry['schemas']['ImportOut']
export type ImportKind = Registry['schemas']['FormOut']['kind']
export type ImportForm = Registry['schemas']['FormOut']
export type ImportStarted = Registry['schemas']['StartedOut']
export type ImportRow = Registry['schemas']['RowOut']
export type Dropped = Registry['schemas']['DroppedOut']
export type DoubtfulRow = Registry['schemas']['DoubtfulOut']
export type RowDecision = Registry['schemas']['RowDecisionIn']

export type Region = Registry['schemas']['RegionOut']
export type Enterprise = Registry['schemas']['EnterpriseOut']
export type Staff = Pick<Registry['schemas']['StaffOut'], 'staff_id' | 'name' | 'position'>

export type Campaign = Allocation['schemas']['CampaignOut']
export type Profile = Allocation['schemas']['ProfileOut']
export type Plan = Allocation['schemas']['PlanOut']
export type PlanView = Allocation['schemas']['PlanViewOut']
export type PlanLoad = PlanView['load'][number]
export type NewPlan = Allocation['schemas']['PlanIn']
export type PlanStarted = Allocation['schemas']['StartedOut']
export type Scenario = Allocation['schemas']['ScenarioOut']
export type WhatIf = Allocation['schemas']['WhatIfOut']
export type NewScenario = Allocation['schemas']['ScenarioIn']
export type Assignment = Allocation['schemas']['AssignmentOut']
export type Suggestion = Allocation['schemas']['SuggestionOut']
export type Contact = Allocation['schemas']['ContactIn']
export type ContactsAnswer = Allocation['schemas']['ContactsOut']
export type Return = Allocation['schemas']['ReturnOut']
export type ReturnReason = Allocation['schemas']['ReturnReasonOut']
export type Outlet = Pick<Registry['schemas']['OutletOut'], 'outlet_id' | 'name'>
export type Roster = Pick<Registry['schemas']['StaffOut'], 'staff_id' | 'outlet_id' | 'name' | 'position'>
export type Institution = Pick<Registry['schemas']['InstitutionOut'], 'institution_id' | 'name'>

export type Task = Visits['schemas']['TaskOut']
export type TaskState = Task['state']
export type Place = Visits['schemas']['PlaceIn']
export type Interviewee = Visits['schemas']['IntervieweeIn']
export type Need = Visits['schemas']['NeedIn']
/** The page always says what it does not know, where the service would also take silence. */
export type VisitIn = Required<Visits['schemas']['VisitIn']>
export type VisitSaved = Visits['schemas']['VisitAnswerOut']

/** The metrics in use; the service's own list is GET /figures/definitions. */
export type MetricKey =
  | 'listed'
  | 'assigned'
  | 'visited'
  | 'covered'
  | 'cancelled'
  | 'cancelled_visited'
  | 'cancelled_assigned'
  | 'cancelled_covered'
  | 'matched'
  | 'matched_total'
  | 'lines_n'
  | 'lines_fen'
  | 'lines_n_total'
  | 'lines_fen_total'
  | 'granted_n'
  | 'granted_fen'
  | 'granted_n_total'
  | 'granted_fen_total'
  | 'balance_fen'
  | 'borrowers'

export type Metrics = Partial<Record<MetricKey, number>>
export type FigureRow = Omit<Reporting['schemas']['FigureRow'], 'metrics'> & { metrics: Metrics }
export type Figures = Omit<Reporting['schemas']['FiguresOut'], 'rows' | 'total'> & { rows: FigureRow[]; total: Metrics }

export type FigureEnterprise = Reporting['schemas']['EnterprisePart']
export type FigureEnterprises = Reporting['schemas']['EnterprisesOut']
export type FigureEvent = Reporting['schemas']['EventPart']

export type Bulletin = Reporting['schemas']['BulletinHead']
