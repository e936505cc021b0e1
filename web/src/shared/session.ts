// Who is signed in, for both pages.
import { reactive, readonly } from 'vue'
import { signIn as postSignIn, signOut as postSignOut } from '@/api'
import { onSignedOut, refresh, useToken } from '@/api/client'
import type { Account } from '@/api/types'

interface State {
  account: Account | null
  /** The first question to the server is still open. */
  asking: boolean
  /** The server could not be reached when the page opened. */
  unreachable: boolean
}

const state = reactive<State>({ account: null, asking: true, unreachable: false })

export const session = readonly(state)

onSignedOut(() => {
  state.account = null
})

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

/** Picks up the refresh cookie; `remembered` stands in while the network is away. */
export async function resume(remembered: Account | null = null): Promise<void> {
  if (!marked()) {
    state.asking = false
    return
  }
  try {
    const found = await refresh()
    state.account = found?.account ?? null
    state.unreachable = false
    mark(found !== null)
  } catch {
    state.account = remembered
    state.unreachable = true
  }
  state.asking = false
}

export async function signIn(username: string, password: string): Promise<void> {
  const found = await postSignIn(username, password)
  useToken(found.access_token, found.expires_in)
  mark(true)
  state.account = found.account
  state.unreachable = false
}

export async function signOut(): Promise<void> {
  await postSignOut().catch(() => undefined)
  useToken('')
  mark(false)
  state.account = null
}
