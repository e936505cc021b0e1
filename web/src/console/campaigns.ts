// Which campaign a page is about: that of its address, or the newest; and what the enterprises of a list are called.
import { computed, onMounted, ref, shallowRef, type ComputedRef, type Ref } from 'vue'
import { campaigns as ask, enterprises } from '@/api'
import { explain } from '@/api/client'
import type { Campaign, Enterprise } from '@/api/types'
import { filters } from './address'

export function useCampaigns(more: () => Promise<void> = async () => {}): { campaigns: Ref<Campaign[]>; campaign: ComputedRef<Campaign | undefined>; fault: Ref<string> } {
  const campaigns = shallowRef<Campaign[]>([])
  const fault = ref('')
  const campaign = computed(() => campaigns.value.find((each) => each.campaign_id === filters.campaign) ?? campaigns.value[0])
  onMounted(async () => {
    try {
      campaigns.value = (await ask()).sort((a, b) => (a.opens_on < b.opens_on ? 1 : -1))
      await more()
    } catch (error) {
      fault.value = explain(error)
    }
  })
  return { campaigns, campaign, fault }
}

/** Reads who the ids are before a page is shown, so that no row stands there without a name. */
export function useEnterprises(): { firms: Ref<Map<string, Enterprise>>; know: (ids: string[]) => Promise<void> } {
  const firms = shallowRef(new Map<string, Enterprise>())
  async function know(ids: string[]): Promise<void> {
    const unknown = Array.from(new Set(ids)).filter((id) => !firms.value.has(id))
    const found = await enterprises(unknown)
    firms.value = new Map([...firms.value, ...found.map((each) => [each.enterprise_id, each] as const)])
  }
  return { firms, know }
}
