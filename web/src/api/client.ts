// One door to the services: the session cookie, a page token on every write, problem+json in Chinese.
import type { Problem, Session } from './types'
import { noteToday } from '@/shared/dates'
import { typeset } from '@/shared/words'
import { newId } from './ids'

export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly problem: Problem

  constructor(status: number, problem: Problem) {
    super(problem.title || titleFor(status))
    this.status = status
    this.code = problem.code ?? ''
    this.problem = problem
  }

  /** The network or the service is away for now: the same call may succeed later. */
  get passing(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500 || this.code.endsWith('in_progress')
  }
}

function titleFor(status: number): string {
  if (status === 0) return '网络不通'
  if (status === 401) return '登录已失效，请重新登录'
  if (status === 403) return '没有权限'
  if (status === 404) return '不存在或无权查看'
  if (status === 429) return '操作太频繁，请稍后再试'
  if (status >= 500) return '服务暂时不可用，请稍后再试'
  return `请求未被接受（${status}）`
}

/** Title, detail and field messages as one text for people. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiError)) return error instanceof Error ? error.message : String(error)
  const parts = [error.message, error.problem.detail ?? '', ...(error.problem.errors ?? []).map((each) => each.message)]
  const told = parts.filter((part) => part && /[^\x00-\x7f]/.test(part)).map(typeset)
  return Array.from(new Set(told)).join('；') || titleFor(error.status)
}

let csrf = ''
let refreshing: Promise<Session | null> | null = null
/** Resolves to true once the same person has signed in again; false when they rather leave. */
let whenEnded: () => Promise<boolean> = () => Promise.resolve(false)

export function onEnded(listener: () => Promise<boolean>): void {
  whenEnded = listener
}

/** What every writing call sends back; it came with the session and lives in this page only. */
export function useSession(session: Pick<Session, 'csrf_token'> | null): void {
  csrf = session?.csrf_token ?? ''
}

/** Who is signed in by the cookie that the browser has; null when nobody is. Network faults are thrown. */
export async function currentSession(): Promise<Session | null> {
  const response = await reach('/api/identity/v1/session', { cache: 'no-store' })
  return response.ok ? taken(response) : response.status >= 500 ? failed(response) : refresh()
}

/** Exchanges the refresh cookie for a new session; null when nobody is signed in. */
export function refresh(): Promise<Session | null> {
  refreshing ??= alone('yinqi-refresh', async () => {
    const response = await reach('/api/identity/v1/refresh', { method: 'POST' })
    if (response.ok) return taken(response)
    if (response.status >= 500) return failed(response)
    useSession(null)
    return null
  }).finally(() => {
    refreshing = null
  })
  return refreshing
}

async function taken(response: Response): Promise<Session> {
  const session = (await response.json()) as Session
  useSession(session)
  return session
}

async function failed(response: Response): Promise<never> {
  throw await problemOf(response)
}

/** After a refusal: true when the call may be sent again. */
async function recovered(status: number, code: string): Promise<boolean> {
  // Another tab has signed in anew: the cookie is good, this page's own token is old.
  if (status === 403 && code === 'access.csrf') return (await currentSession()) !== null
  if (status !== 401) return false
  return (await refresh()) !== null || (await whenEnded())
}

/** Runs with no other tab in it, where the browser can lock: refresh cookies and queued work are for one at a time. */
export function alone<T>(name: string, work: () => Promise<T>): Promise<T> {
  const locks = (navigator as { locks?: LockManager }).locks // absent outside secure contexts and in old WeChat
  return locks ? (locks.request(name, work) as Promise<T>) : work()
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    const response = await fetch(url, { credentials: 'same-origin', ...init })
    noteToday(response.headers.get('yinqi-today'))
    return response
  } catch (cause) {
    if (init.signal?.aborted) throw cause
    throw new ApiError(0, {})
  }
}

async function problemOf(response: Response): Promise<ApiError> {
  try {
    return new ApiError(response.status, (await response.json()) as Problem)
  } catch {
    return new ApiError(response.status, {})
  }
}

export interface Ask {
  method?: string
  /** Sent as JSON, but a form with a file as it is. */
  body?: unknown
  query?: Record<string, string | number | null | undefined>
  /** Given where a repeat must be the same deed (queued work); otherwise one is made. */
  key?: string
  etag?: string
  /** The version that a change rests on. */
  match?: string
  signal?: AbortSignal
  /** Sign-in and activation: a 401 is an answer, not a lost session. */
  open?: boolean
}

export function address(path: string, query: Ask['query'] = {}): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') params.set(name, String(value))
  }
  const text = params.toString()
  return text ? `${path}?${text}` : path
}

/** Sends; after a lost session once more, when there is one again. Answers 2xx and 304, throws ApiError otherwise. */
export async function send(path: string, ask: Ask = {}): Promise<Response> {
  const method = ask.method ?? 'GET'
  const fixed: Record<string, string> = { Accept: 'application/json, application/problem+json' }
  const form = ask.body instanceof FormData // the browser names its type, with the boundary
  if (ask.body !== undefined && !form) fixed['Content-Type'] = 'application/json'
  if (method !== 'GET' && !ask.open) fixed['Idempotency-Key'] = ask.key ?? newId()
  if (ask.etag) fixed['If-None-Match'] = ask.etag
  if (ask.match) fixed['If-Match'] = ask.match
  const once = (): Promise<Response> =>
    reach(address(path, ask.query), {
      method,
      // A conditional call handles 304 itself, so the browser's own cache must stay out of it.
      cache: 'no-store',
      headers: method === 'GET' || !csrf ? fixed : { ...fixed, 'X-CSRF-Token': csrf },
      body: form ? (ask.body as FormData) : ask.body === undefined ? undefined : JSON.stringify(ask.body),
      signal: ask.signal,
    })
  let response = await once()
  if (response.ok || response.status === 304) return response
  let error = await problemOf(response)
  if (!ask.open && (await recovered(error.status, error.code))) {
    response = await once()
    if (response.ok || response.status === 304) return response
    error = await problemOf(response)
  }
  throw error
}

export async function call<T>(path: string, ask: Ask = {}): Promise<T> {
  const response = await send(path, ask)
  return response.status === 204 ? (undefined as T) : ((await response.json()) as T)
}

/** PUT of raw bytes with progress (fetch cannot tell it). */
export async function putBytes(
  path: string,
  bytes: ArrayBuffer,
  type: string,
  key: string,
  onProgress: (share: number) => void,
): Promise<void> {
  const digest = await digestOf(bytes)
  const once = (): Promise<ApiError | null> =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest()
      request.open('PUT', path)
      request.setRequestHeader('Content-Type', type)
      // A photo has its own id: every repeat is the same deed.
      request.setRequestHeader('Idempotency-Key', key)
      request.setRequestHeader('X-CSRF-Token', csrf)
      if (digest) request.setRequestHeader('Content-Digest', digest)
      request.timeout = 60_000
      request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total)
      request.onload = () => resolve(faultOf(request.status, request.responseText))
      request.onerror = request.ontimeout = () => reject(new ApiError(0, {}))
      request.send(bytes)
    })
  let error = await once()
  if (error && (await recovered(error.status, error.code))) error = await once()
  if (error) throw error
}

function faultOf(status: number, text: string): ApiError | null {
  if (status >= 200 && status < 300) return null
  try {
    return new ApiError(status, JSON.parse(text) as Problem)
  } catch {
    return new ApiError(status, {}) // no problem document: the status alone speaks
  }
}

async function digestOf(bytes: ArrayBuffer): Promise<string> {
  if (!crypto.subtle) return '' // absent outside secure contexts
  const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return `sha-256=:${btoa(String.fromCharCode(...sum))}:`
}
