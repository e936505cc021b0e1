// Business dates are days in Asia/Shanghai, whatever the phone thinks.
const SHANGHAI = new Intl.DateTimeFormat('en-CA', { timeZone: 'Asia/Shanghai', year: 'numeric', month: '2-digit', day: '2-digit' })
const INSTANT = new Intl.DateTimeFormat('zh-CN', {
  timeZone: 'Asia/Shanghai',
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  hour12: false,
})

let platformToday = ''

/** Keeps the platform's business date as the last answer named it. */
export function noteToday(value: string | null): void {
  if (value && /^\d{4}-\d{2}-\d{2}$/.test(value)) platformToday = value
}

/** The day in Shanghai on which an instant falls. */
export function dayOf(instant: string | number): string {
  const part = Object.fromEntries(SHANGHAI.formatToParts(new Date(instant)).map((each) => [each.type, each.value]))
  return `${part.year}-${part.month}-${part.day}`
}

export const today = (): string => platformToday || dayOf(Date.now())

/** Whole days from one date to another. */
export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 86_400_000)
}

/** "8月31日", with the year when it is not this one. */
export function dayText(date: string): string {
  const [year, month, day] = date.split('-').map(Number)
  const text = `${month}月${day}日`
  return today().startsWith(`${year}-`) ? text : `${year}年${text}`
}

export function instantText(instant: string): string {
  const at = new Date(instant)
  return Number.isNaN(at.getTime()) ? '—' : INSTANT.format(at).replace(/\//g, '-')
}

const QUARTER_NAMES = ['一', '二', '三', '四']

/** "2022Q3" → "2022年三季度". */
export function quarterText(quarter: string): string {
  return `${quarter.slice(0, 4)}年${QUARTER_NAMES[Number(quarter.slice(5)) - 1] ?? '?'}季度`
}

export function quarterOf(date: string): string {
  return `${date.slice(0, 4)}Q${Math.ceil(Number(date.slice(5, 7)) / 3)}`
}

/** Quarters from the one of `from` to the one of `to`, both included, at most `most`. */
export function quartersBetween(from: string, to: string, most: number): string[] {
  const found: string[] = []
  let [year, part] = quarterOf(from).split('Q').map(Number) as [number, number]
  const last = quarterOf(to < from ? from : to)
  while (found.length < most) {
    found.push(`${year}Q${part}`)
    if (found[found.length - 1] === last) break
    part += 1
    if (part > 4) [year, part] = [year + 1, 1]
  }
  return found
}
