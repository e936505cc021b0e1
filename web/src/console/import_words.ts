// What imports are called on the screen.
import type { Import, ImportKind, ImportRow } from '@/api/types'

export const KINDS: Record<ImportKind, string> = {
  enterprises: '企业名单',
  facts: '企业经营数据',
  institutions: '银行机构',
  outlets: '银行网点',
  staff: '走访人员',
}
/** What a bank brings itself (JS-07, JS-12). */
export const KINDS_OF_BANKS: ImportKind[] = ['outlets', 'staff']

export const STATES: Record<string, [text: string, tone: string]> = {
  queued: ['排队中', ''],
  reading: ['读取中', ''],
  checked: ['已核对', 'warn'],
  done: ['已导入', 'good'],
  failed: ['未完成', 'bad'],
}

export const OUTCOMES: Record<ImportRow['outcome'], [text: string, tone: string]> = {
  taken: ['导入', 'good'],
  doubtful: ['待确认', 'warn'],
  refused: ['不导入', 'bad'],
}
export const CHANGES: Record<string, string> = { new: '新增', changed: '变更', unchanged: '无变化' }

export const kindText = (kind: string): string => KINDS[kind as ImportKind] ?? kind
export const running = (each: Import): boolean => each.state === 'queued' || each.state === 'reading'
