// The shapes the pages read. Kept to the fields in use; `npm run types` writes the full ones to
// ./schema/, and each name here can then become an alias of a generated one.

export type Role =
  | 'province_regulator'
  | 'bureau'
  | 'bank_head'
  | 'branch_head'
  | 'relationship_manager'
  | 'bank_core'
  | 'platform_admin'

export interface Account {
  account_id: string
  username: string
  role: Role
  display_name?: string | null
  institution_id?: string | null
  institution_name?: string | null
  outlet_id?: string | null
  outlet_name?: string | null
  staff_id?: string | null
  region_code?: string | null
}

export interface Session {
  access_token: string
  expires_in: number
  account: Account
}

export interface Page<T> {
  items: T[]
  next_cursor?: string | null
}

export interface FieldError {
  where?: string
  code?: string
  message: string
}

export interface Problem {
  title?: string
  status?: number
  code?: string
  detail?: string
  errors?: FieldError[]
}

export interface Region {
  region_code: string
  name: string
  level: 'province' | 'city' | 'county'
  parent_code?: string | null
}

export interface Enterprise {
  enterprise_id: string
  uscc: string
  name: string
  region_code: string | null
  registered_address?: string | null
  business_address?: string | null
  legal_representative?: string | null
  industry_code?: string | null
  phone?: string | null
}

export interface Staff {
  staff_id: string
  name: string
  position?: string
  role?: string
  outlet_id?: string | null
}

export interface Campaign {
  campaign_id: string
  name: string
  profile?: string
  list_vintage?: string
  opens_on: string
  visits_until?: string | null
}

export type TaskState = 'overdue' | 'due' | 'visited'

export interface Task {
  enterprise_id: string
  assignment_id?: string
  campaign_id: string
  name?: string | null
  region_code: string | null
  due_on: string
  state: TaskState
  last_visit_on?: string | null
  visit_complete?: boolean | null
}

export interface Place {
  longitude: number
  latitude: number
  accuracy_m: number
  datum: 'WGS-84'
}

export interface Need {
  amount: string
  purpose: string
  term_months: number
}

export interface VisitIn {
  visit_id: string
  campaign_id: string
  enterprise_id: string
  visited_on: string
  started_at: string | null
  staff_ids: string[]
  interviewee: { role: string; name: string }
  place: Place | null
  photo_ids: string[]
  told_campaign: boolean
  told_qr: boolean
  need: Need | null
  note: string | null
}

export interface VisitSaved {
  visit_id: string
  complete: boolean
  missing: string[]
}

export type MetricKey =
  | 'listed'
  | 'assigned'
  | 'visited'
  | 'covered'
  | 'visits'
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

export interface FigureRow {
  region_code?: string | null
  institution_id?: string | null
  name: string
  metrics: Metrics
}

export interface Figures {
  quarter: string
  /** Null while nothing is known yet. */
  known_at: string | null
  rows: FigureRow[]
  total: Metrics & { metrics?: Metrics }
  notes?: string[]
}

export interface FigureEnterprise {
  enterprise_id: string
  name?: string | null
  uscc?: string | null
  region_code?: string | null
  institution_id?: string | null
  institution_name?: string | null
  n?: number | null
  fen?: number | null
}

export interface FigureEnterprises extends Page<FigureEnterprise> {
  total?: { enterprises?: number; n?: number; fen?: number | null }
}

export interface FigureEvent {
  event_id: string
  type: string
  business_on: string
  known_at: string
  institution_id?: string | null
  institution_name?: string | null
  n?: number | null
  fen?: number | null
  actor?: string | null
  counts?: boolean | null
  ref?: string | null
}

export interface Bulletin {
  bulletin_id: string
  campaign_id: string
  quarter: string
  edition: number
  state?: string
  known_at: string
  created_at?: string
  sha256?: string | null
}
