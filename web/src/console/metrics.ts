// The columns of the board: what each shows, in which unit, and which stored metric opens behind it.
import type { MetricKey, Metrics } from '@/api/types'
import { count, percent, wan, wanBrief } from '@/shared/numbers'

export type ColumnId = 'due' | 'visited' | 'coverage' | 'coverage_net' | 'matched' | 'lines_n' | 'lines' | 'granted_n' | 'granted' | 'balance' | 'borrowers'
export type Basis = 'quarter' | 'total'
export type View = 'region' | 'institution'

export interface Column {
  id: ColumnId
  label: string
  unit: string
  /** What the number says, for the title and the drawer. */
  meaning: string
  metric: MetricKey
  /** Distinct enterprises: never to be added up over rows. */
  distinct: boolean
  value: (metrics: Metrics) => number | null
  text: (metrics: Metrics) => string
  /** For a tile: the same, short. */
  brief: (metrics: Metrics) => string
}

const DASH = '—'

/**
 * The columns under one basis. In a region everything listed is due and any visit counts; an institution
 * answers for what it was assigned and has visited itself.
 */
export function columnsOf(basis: Basis, view: View): Column[] {
  const total = basis === 'total'
  const inRegion = view === 'region'
  const due: MetricKey = inRegion ? 'listed' : 'assigned'
  const done: MetricKey = inRegion ? 'visited' : 'covered'
  const when = total ? '启动以来' : '本季度'
  return [
    counted('due', '应走访', '户', inRegion ? '名单内应走访企业' : '分配给该机构的企业', due, true),
    counted('visited', '已走访', '户', inRegion ? '截至季末已完成有效走访的企业' : '截至季末由该机构完成有效走访的承办企业', done, true),
    coverage(due, done),
    withoutCancelled(due, done, inRegion ? 'cancelled' : 'cancelled_assigned', inRegion ? 'cancelled_visited' : 'cancelled_covered'),
    counted('matched', '对接成功', '户', `${when}获得授信或贷款的企业`, total ? 'matched_total' : 'matched', true),
    counted('lines_n', '授信笔数', '笔', `${when}批准的授信`, total ? 'lines_n_total' : 'lines_n', false),
    amount('lines', '授信金额', `${when}批准的授信金额`, total ? 'lines_fen_total' : 'lines_fen'),
    counted('granted_n', '放款笔数', '笔', `${when}的放款`, total ? 'granted_n_total' : 'granted_n', false),
    amount('granted', '放款金额', `${when}累计放款金额`, total ? 'granted_fen_total' : 'granted_fen'),
    amount('balance', '贷款余额', '季末贷款余额', 'balance_fen'),
    counted('borrowers', '借款户数', '户', '季末有贷款余额的企业', 'borrowers', true),
  ]
}

function counted(id: ColumnId, label: string, unit: string, meaning: string, metric: MetricKey, distinct: boolean): Column {
  const value = (metrics: Metrics): number | null => metrics[metric] ?? null
  const text = (metrics: Metrics): string => shown(value(metrics), count)
  return { id, label, unit, meaning, metric, distinct, value, text, brief: text }
}

function amount(id: ColumnId, label: string, meaning: string, metric: MetricKey): Column {
  const value = (metrics: Metrics): number | null => metrics[metric] ?? null
  const text = (metrics: Metrics): string => shown(value(metrics), wan)
  const brief = (metrics: Metrics): string => shown(value(metrics), wanBrief)
  return { id, label, unit: '万元', meaning, metric, distinct: false, value, text, brief }
}

function coverage(due: MetricKey, done: MetricKey): Column {
  const value = (metrics: Metrics): number | null => (metrics[due] ? (metrics[done] ?? 0) / (metrics[due] ?? 1) : null)
  const text = (metrics: Metrics): string => percent(metrics[done] ?? 0, metrics[due] ?? 0)
  return { id: 'coverage', label: '覆盖率', unit: '', meaning: '已走访 ÷ 应走访', metric: done, distinct: true, value, text, brief: text }
}

/** The rate beside it: cancelled enterprises, agreed by the bureau, are left out of both sides. */
function withoutCancelled(due: MetricKey, done: MetricKey, gone: MetricKey, goneDone: MetricKey): Column {
  const sides = (metrics: Metrics): [number, number] => [
    (metrics[done] ?? 0) - (metrics[goneDone] ?? 0),
    (metrics[due] ?? 0) - (metrics[gone] ?? 0),
  ]
  const value = (metrics: Metrics): number | null => {
    const [visited, left] = sides(metrics)
    return left ? visited / left : null
  }
  const text = (metrics: Metrics): string => percent(...sides(metrics))
  const meaning = '扣除经复核已注销的企业后:已走访 ÷ 应走访'
  return { id: 'coverage_net', label: '扣除注销覆盖率', unit: '', meaning, metric: gone, distinct: true, value, text, brief: text }
}

const shown = (value: number | null, format: (value: number) => string): string => (value === null ? DASH : format(value))

/** Every event that can stand behind a number, by its name in the contracts. */
const EVENTS: Record<string, string> = {
  EnterpriseListed: '列入名单',
  EnterpriseChanged: '企业信息变更',
  EnterpriseDisposed: '处置经复核',
  EnterprisesMerged: '企业合并',
  EnterprisesUnmerged: '撤销合并',
  EnterpriseEnrolled: '纳入行动',
  EnterpriseAssigned: '分配机构',
  EnterpriseUnassigned: '解除分配',
  ContactNamed: '确定对接人',
  VisitLogged: '走访',
  VisitVoided: '走访作废',
  NeedRecorded: '登记需求',
  ApplicationFiled: '提交申请',
  ApplicationDecided: '审批决定',
  CreditLineApproved: '授信批准',
  LoanGranted: '贷款合同',
  LoanDrawn: '放款',
  RepaymentBooked: '还款',
  LoanReversed: '贷款冲销',
}

/** "LoanGranted.v1" in Chinese; a name not known here is shown as it is. */
export function eventText(type: string): string {
  const name = type.replace(/\.v\d+$/, '').replace(/^.*\./, '')
  return EVENTS[name] ?? name
}
