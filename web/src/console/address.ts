// Every filter lives in the address, so that a view can be sent to a colleague and back works.
import { reactive, readonly } from 'vue'

const DEFAULTS = {
  page: 'board', // board | imports | plans | contacts | returns | accounts | approvals | audit | parked
  campaign: '',
  quarter: '',
  known_on: '',
  basis: 'quarter', // quarter | total
  view: 'region', // region | institution | bulletins
  region: '', // the city that is open
  metric: 'coverage', // what the map shows
  sort: '', // column, with a leading - for descending
  q: '',
  // The open drawer: which number of which cell, and the enterprise unfolded in it.
  open: '',
  cell_region: '',
  cell_institution: '',
  enterprise: '',
  // Imports, plans, contacts, returns, accounts, approvals, the audit log and parked events.
  role: '',
  state: '',
  item: '', // the row that is open
  service: '',
  actor: '',
  action: '',
  subject: '',
  from: '',
  to: '',
}

export type Filters = typeof DEFAULTS
export type FilterName = keyof Filters

function read(): Filters {
  const given = new URLSearchParams(location.search)
  const found: Filters = { ...DEFAULTS }
  for (const name of Object.keys(DEFAULTS) as FilterName[]) found[name] = given.get(name) ?? DEFAULTS[name]
  return found
}

const state = reactive<Filters>(read())

export const filters = readonly(state)

window.addEventListener('popstate', () => Object.assign(state, read()))

function addressOf(next: Filters): string {
  const params = new URLSearchParams()
  for (const name of Object.keys(DEFAULTS) as FilterName[]) if (next[name] !== DEFAULTS[name]) params.set(name, next[name])
  const text = params.toString()
  return location.pathname + (text ? `?${text}` : '')
}

/** A step that back undoes. */
export function visit(change: Partial<Filters>): void {
  Object.assign(state, change)
  history.pushState(null, '', addressOf(state))
}

/** A change within the step: typing, sorting, defaults. */
export function adjust(change: Partial<Filters>): void {
  Object.assign(state, change)
  history.replaceState(null, '', addressOf(state))
}

/** Opens a page with nothing of the one before. */
export function turnTo(page: string): void {
  visit({ ...DEFAULTS, page })
}

/** The address another filter would have, for real links. */
export const linkTo = (change: Partial<Filters>): string => addressOf({ ...state, ...change })

export const CLOSED: Partial<Filters> = { open: '', cell_region: '', cell_institution: '', enterprise: '' }
