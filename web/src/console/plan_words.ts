// What plans are called on the screen, and lengths and shares as people read them.
import type { Plan } from '@/api/types'

export const STATES: Record<string, [text: string, tone: string]> = {
  solving: ['计算中', ''],
  draft: ['待核对', 'warn'],
  checked: ['已核对', 'warn'],
  published: ['已公布', 'good'],
  superseded: ['已被取代', ''],
  failed: ['未能算出', 'bad'],
}

export const running = (plan: Plan): boolean => plan.state === 'solving' || plan.publishing
export const tierText = (tier: number): string => ['', '第一级', '第二级', '第三级', '第四级', '第五级'][tier] ?? `第 ${tier} 级`
export const kilometres = (metres: number): string => `${(metres / 1000).toFixed(1)} km`
export const points = (bp: number): string => `${(bp / 100).toFixed(1)}%`
export const share = (ratio: number): string => `${(100 * ratio).toFixed(1)}%`
export const signed = (ratio: number): string => `${ratio > 0 ? '+' : ''}${(100 * ratio).toFixed(1)}%`
