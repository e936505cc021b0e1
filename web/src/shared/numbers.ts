// Money arrives as whole fen and is shown in 万元; typed 万元 leaves as a yuan string. No floats on the way.
const COUNT = new Intl.NumberFormat('zh-CN')

export const count = (value: number): string => COUNT.format(value)

/** Fen as 万元 with two decimals, half to even, grouped: 123456700 → "123.46". */
export function wan(fen: number): string {
  const unit = 10_000 // one hundredth of 万元, in fen
  const size = Math.abs(fen)
  let hundredths = Math.floor(size / unit)
  const rest = size - hundredths * unit
  if (rest * 2 > unit || (rest * 2 === unit && hundredths % 2 === 1)) hundredths += 1
  const whole = COUNT.format(Math.floor(hundredths / 100))
  const sign = fen < 0 && hundredths > 0 ? '-' : ''
  return `${sign}${whole}.${String(hundredths % 100).padStart(2, '0')}`
}

const FEN_PER_YI = 1e10

/** Fen for a narrow place: "38.21亿", below that "4,512万". Never for tables. */
export function wanBrief(fen: number): string {
  if (Math.abs(fen) >= FEN_PER_YI) return `${(fen / FEN_PER_YI).toFixed(2)}亿`
  return `${COUNT.format(Math.round(fen / 1e6))}万`
}

/** "80.5" 万元 → "805000.00"; null when it is no positive amount with at most six decimals. */
export function yuanFromWan(text: string): string | null {
  const match = /^(\d{1,8})(?:\.(\d{1,6}))?$/.exec(text.trim())
  if (!match) return null
  const fen = (match[1] ?? '') + (match[2] ?? '').padEnd(6, '0')
  const yuan = fen.slice(0, -2).replace(/^0+(?=\d)/, '')
  return /[1-9]/.test(fen) ? `${yuan}.${fen.slice(-2)}` : null
}

/** Share of a whole in percent with one decimal; a dash when there is no whole. */
export function percent(part: number, whole: number): string {
  return whole > 0 ? `${((100 * part) / whole).toFixed(1)}%` : '—'
}
