// Who is signed in, for both pages.
import { reactive, readonly } from 'vue'
import { signIn as postSignIn, signOut as postSignOut, type Credentials } from '@/api'
import { currentSession, onEnded, useSession } from '@/api/client'
import type { Account, Session } from '@/api/types'

interface State {
  account: Account | null
  /** The first question to the server is still open. */
  asking: boolean
  /** The server could not be reached when the page opened. */
  unreachable: boolean
  /** The session ended while a page was in use: it stays as it is, under a sign-in on top of it. */
  ended: boolean
}

const state = reactive<State>({ account: null, asking: true, unreachable: false, ended: false })

export const session = readonly(state)

let waiting: ((again: boolean) => void)[] = []

/** Calls that met an ended session wait here, with all that was typed, until there is one again. */
onEnded(() => {
  if (!state.account) return Promise.resolve(false)
  state.ended = true
  return new Promise((resolve) => waiting.push(resolve))
})

function settle(again: boolean): void {
  state.ended = false
  const told = waiting
  waiting = []
  for (const resolve of told) resolve(again)
}

// Says only that somebody signed in here, so that a first visit asks the server for nothing in vain.
const MARK = 'yinqi-signed-in'

function mark(signedIn: boolean): void {
  try {
    if (signedIn) localStorage.setItem(MARK, '1')
    else localStorage.removeItem(MARK)
  } catch {
    // Without storage the question is simply asked each time.
  }
}

function marked(): boolean {
  try {
    return localStorage.getItem(MARK) !== null
  } catch {
    return true
  }
}

/** Comes back from a sign-in elsewhere: the cookie is there, though nothing was typed here. */
const returning = (): boolean => new URLSearchParams(location.search).has('signed_in')

/** Picks up the session that the browser has; `remembered` stands in while the network is away. */
export async function resume(remembered: Account | null = null): Promise<void> {
  if (!marked() && !returning()) {
    state.asking = false
    return
  }
  try {
    const found = await currentSession()
    state.account = found?.account ?? null
    state.unreachable = false
    mark(found !== null)
  } catch {
    state.account = remembered
    state.unreachable = true
  }
  state.asking = false
}

/** Someone has signed in. Another person than before finds an empty page, not the other's. */
export function enter(found: Session): void {
  useSession(found)
  mark(true)
  const same = found.account.account_id === state.account?.account_id
  state.account = found.account
  state.unreachable = false
  settle(same)
}

export async function signIn(given: Credentials): Promise<void> {
  enter(await postSignIn(given))
}

/** Ends the session on the server, and here in any case. */
export async function signOut(): Promise<void> {
  await postSignOut().catch(() => undefined)
  leave()
}

export function leave(): void {
  useSession(null)
  mark(false)
  state.account = null
  settle(false)
}
