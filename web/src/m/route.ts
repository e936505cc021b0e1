// Where in the app we are, kept in the address after #, so that the phone's back key works.
import { reactive, readonly } from 'vue'

export type Route = { page: 'list' | 'queue'; id: '' } | { page: 'card' | 'visit'; id: string }

function read(): Route {
  const match = /^#\/e\/([0-9a-f-]+)(\/visit)?$/i.exec(location.hash)
  if (match?.[1]) return { page: match[2] ? 'visit' : 'card', id: match[1] }
  return location.hash === '#/queue' ? { page: 'queue', id: '' } : { page: 'list', id: '' }
}

const state = reactive<{ route: Route }>({ route: read() })

export const here = readonly(state)

window.addEventListener('hashchange', () => {
  state.route = read()
})

export function go(hash: string): void {
  location.hash = hash
}

/** Goes without leaving a step behind: after saving, back must not open the form again. */
export function replace(hash: string): void {
  location.replace(hash)
}
