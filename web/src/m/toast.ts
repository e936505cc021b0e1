import { reactive } from 'vue'

export const toast = reactive<{ text: string; tone: '' | 'good' | 'warn' }>({ text: '', tone: '' })

const SHOWN_MS = 3_500
let timer = 0

export function tell(text: string, tone: '' | 'good' | 'warn' = ''): void {
  Object.assign(toast, { text, tone })
  window.clearTimeout(timer)
  timer = window.setTimeout(() => (toast.text = ''), SHOWN_MS)
}
