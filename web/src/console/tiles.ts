// Where each city's tile stands: neighbours beside neighbours, no boundaries.
const JIANGSU: Record<string, [column: number, row: number]> = {
  '320300': [1, 1],
  '320700': [2, 1],
  '321300': [1, 2],
  '320800': [2, 2],
  '320900': [3, 2],
  '321000': [2, 3],
  '321200': [3, 3],
  '320600': [4, 3],
  '320100': [1, 4],
  '321100': [2, 4],
  '320400': [3, 4],
  '320200': [4, 4],
  '320500': [5, 4],
}
const COLUMNS = 5
const FIRST_FREE_ROW = 5

export interface Spot {
  column: number
  row: number
}

/** Spots for these regions: cities where they belong, all others in order below or from the top. */
export function spotsFor(codes: readonly string[]): Map<string, Spot> {
  const spots = new Map<string, Spot>()
  const start = codes.some((code) => JIANGSU[code]) ? FIRST_FREE_ROW : 1
  let others = 0
  for (const code of codes) {
    const known = JIANGSU[code]
    if (known) spots.set(code, { column: known[0], row: known[1] })
    else {
      spots.set(code, { column: (others % COLUMNS) + 1, row: start + Math.floor(others / COLUMNS) })
      others += 1
    }
  }
  return spots
}

const STEPS = 5

/** Shade 0…5 of each value: 0 for nothing, then equal steps up to the largest. */
export function shadesOf(values: (number | null)[], whole?: number): number[] {
  const top = whole ?? Math.max(0, ...values.map((value) => value ?? 0))
  return values.map((value) => (!value || top <= 0 ? 0 : Math.min(STEPS, Math.max(1, Math.ceil((value / top) * STEPS)))))
}

/** 南京市 → 南京: a tile has room for the name only. */
export const shortName = (name: string): string =>
  name.endsWith('工业园区') ? '工业园区' : name.length > 2 ? name.replace(/(市|区|县)$/, '') : name
