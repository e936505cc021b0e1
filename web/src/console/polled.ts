// Something that long work is being done on: read again until the work has ended.
import { onBeforeUnmount, onMounted, ref, shallowRef, type Ref } from 'vue'
import { explain } from '@/api/client'

const POLL_MS = 600

export function usePolled<T>(
  read: () => Promise<T>,
  running: (it: T) => boolean,
  ended: (it: T, watched: boolean) => void,
): { it: Ref<T | null>; fault: Ref<string>; again: () => Promise<void> } {
  const it = shallowRef<T | null>(null)
  const fault = ref('')
  let timer = 0
  let watched = false

  async function again(): Promise<void> {
    window.clearTimeout(timer)
    try {
      const found = await read()
      it.value = found
      fault.value = ''
      if (running(found)) {
        watched = true
        timer = window.setTimeout(() => void again(), POLL_MS)
      } else {
        ended(found, watched)
        watched = false
      }
    } catch (error) {
      fault.value = explain(error)
    }
  }
  onMounted(again)
  onBeforeUnmount(() => window.clearTimeout(timer))
  return { it, fault, again }
}
