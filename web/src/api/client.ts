// One door to the services: bearer token in memory, one silent refresh, problem+json in Chinese.
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

let token = ''
let staleAt = 0
let refreshing: Promise<Session | null> | null = null
let whenSignedOut: () => void = () => undefined

export function onSignedOut(listener: () => void): void {
  whenSignedOut = listener
}

/** A token is renewed this long before it ends, so that no photo is sent twice over a weak network. */
const RENEW_AHEAD_MS = 20_000

export function useToken(value: string, expiresInSeconds = 0): void {
  token = value
  staleAt = Date.now() + expiresInSeconds * 1000 - RENEW_AHEAD_MS
}

async function renewInTime(): Promise<void> {
  if (token && Date.now() > staleAt) await refresh()
}

/** Exchanges the refresh cookie for a new token; null when nobody is signed in. Network faults are thrown. */
export function refresh(): Promise<Session | null> {
  refreshing ??= alone('yinqi-refresh', async () => {
    const response = await reach('/api/identity/v1/refresh', { method: 'POST' })
    if (response.ok) {
      const session = (await response.json()) as Session
      useToken(session.access_token, session.expires_in)
      return session
    }
    if (response.status >= 500) throw await problemOf(response)
    token = ''
    return null
  }).finally(() => {
    refreshing = null
  })
  return refreshing
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
  body?: unknown
  query?: Record<string, string | number | null | undefined>
  /** Given where a repeat must be the same deed (queued work); otherwise one is made. */
  key?: string
  etag?: string
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

/** Sends and follows one silent refresh on 401; answers 2xx and 304, throws ApiError otherwise. */
export async function send(path: string, ask: Ask = {}): Promise<Response> {
  const method = ask.method ?? 'GET'
  const headers: Record<string, string> = { Accept: 'application/json, application/problem+json' }
  if (ask.body !== undefined) headers['Content-Type'] = 'application/json'
  if (method !== 'GET' && !ask.open) headers['Idempotency-Key'] = ask.key ?? newId()
  if (ask.etag) headers['If-None-Match'] = ask.etag
  const once = (): Promise<Response> =>
    reach(address(path, ask.query), {
      method,
      // A conditional call handles 304 itself, so the browser's own cache must stay out of it.
      cache: 'no-store',
      headers: token && !ask.open ? { ...headers, Authorization: `Bearer ${token}` } : headers,
      body: ask.body === undefined ? undefined : JSON.stringify(ask.body),
      signal: ask.signal,
    })
  if (!ask.open) await renewInTime()
  let response = await once()
  if (response.status === 401 && !ask.open) {
    if (await refresh()) response = await once()
    if (response.status === 401) whenSignedOut()
  }
  if (response.ok || response.status === 304) return response
  throw await problemOf(response)
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
  const once = (): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest()
      request.open('PUT', path)
      request.setRequestHeader('Content-Type', type)
      // A photo has its own id: every repeat is the same deed.
      request.setRequestHeader('Idempotency-Key', key)
      request.setRequestHeader('Authorization', `Bearer ${token}`)
      if (digest) request.setRequestHeader('Content-Digest', digest)
      request.timeout = 60_000
      request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total)
      request.onload = () => resolve({ status: request.status, text: request.responseText })
      request.onerror = request.ontimeout = () => reject(new ApiError(0, {}))
      request.send(bytes)
    })
  if (!token) await refresh()
  await renewInTime()
  let answer = await once()
  if (answer.status === 401 && (await refresh())) answer = await once()
  if (answer.status === 401) whenSignedOut()
  if (answer.status >= 200 && answer.status < 300) return
  let problem: Problem = {}
  try {
    problem = JSON.parse(answer.text) as Problem
  } catch {
    // A gateway's own error page is no problem document; the status alone then speaks.
  }
  throw new ApiError(answer.status, problem)
}

async function digestOf(bytes: ArrayBuffer): Promise<string> {
  if (!crypto.subtle) return '' // absent outside secure contexts
  const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return `sha-256=:${btoa(String.fromCharCode(...sum))}:`
}
