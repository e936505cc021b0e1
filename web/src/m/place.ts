// Where the visit takes place, as far as the phone will say.
import type { Place } from '@/api/types'

export interface PlaceResult {
  place: Place | null
  /** Why there is none, in words; empty when there is one. */
  reason: string
}

const REASONS: Record<number, string> = { 1: '未授权定位', 2: '定位信号不可用', 3: '定位超时' }
const TIMEOUT_MS = 15_000

/** Never throws: a visit is recorded without a place too, and says so. */
export function locate(): Promise<PlaceResult> {
  return new Promise((resolve) => {
    if (!('geolocation' in navigator)) {
      resolve({ place: null, reason: '此浏览器不支持定位' })
      return
    }
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        const { longitude, latitude, accuracy } = coords
        resolve({
          place: { longitude: round(longitude), latitude: round(latitude), accuracy_m: Math.round(accuracy), datum: 'WGS-84' },
          reason: '',
        })
      },
      (fault) => resolve({ place: null, reason: REASONS[fault.code] ?? '定位失败' }),
      { enableHighAccuracy: true, timeout: TIMEOUT_MS, maximumAge: 60_000 },
    )
  })
}

/** Six decimals are a tenth of a metre; more would be noise. */
const round = (degrees: number): number => Math.round(degrees * 1e6) / 1e6
