// The visit form as data: what is asked, what is prefilled, what is still missing, and the body that is sent.
import { newId } from '@/api/ids'
import type { Account, Interviewee, Need, Place, Staff, VisitIn } from '@/api/types'
import { dayOf, today } from '@/shared/dates'
import { yuanFromWan } from '@/shared/numbers'

export interface Form {
  visitId: string
  startedAt: string
  visitedOn: string
  staffIds: string[]
  role: Interviewee['role']
  name: string
  place: Place | null
  photoIds: string[]
  toldCampaign: boolean
  toldQr: boolean
  hasNeed: boolean
  amountWan: string
  purpose: Need['purpose']
  termMonths: number
  note: string
}

export const ROLES = [
  ['legal_representative', '法定代表人'],
  ['actual_controller', '实际控制人'],
  ['other', '其他负责人'],
] as const

export const PURPOSES = [
  ['working_capital', '流动资金周转'],
  ['equipment', '购置设备'],
  ['research', '研发投入'],
  ['premises', '厂房建设或租赁'],
  ['other', '其他'],
] as const

export const TERMS = [
  [6, '6 个月'],
  [12, '1 年'],
  [24, '2 年'],
  [36, '3 年'],
  [60, '5 年'],
] as const

export const MOST_PHOTOS = 9

export const isHead = (staff: Staff): boolean => staff.position === 'branch_head'

/** Today, me and the branch head, the legal representative: what is right in most visits. */
export function newForm(account: Account, staff: readonly Staff[]): Form {
  const heads = staff.filter(isHead).map((each) => each.staff_id)
  return {
    visitId: newId(),
    startedAt: new Date().toISOString(),
    visitedOn: today(),
    staffIds: Array.from(new Set([...(account.staff_id ? [account.staff_id] : []), ...heads])),
    role: 'legal_representative',
    name: '',
    place: null,
    photoIds: [],
    toldCampaign: true,
    toldQr: true,
    hasNeed: false,
    amountWan: '',
    purpose: 'working_capital',
    termMonths: 12,
    note: '',
  }
}

/** A refused visit as a form again, under a new id: the old one is spent. */
export function formFrom(body: VisitIn): Form {
  return {
    visitId: newId(),
    startedAt: body.started_at ?? new Date().toISOString(),
    visitedOn: body.visited_on,
    staffIds: body.staff_ids,
    role: body.interviewee?.role ?? 'legal_representative',
    name: body.interviewee?.name ?? '',
    place: body.place,
    photoIds: body.photo_ids,
    toldCampaign: body.told_campaign,
    toldQr: body.told_qr,
    hasNeed: body.need !== null,
    amountWan: body.need ? String(Number(body.need.amount) / 10_000) : '',
    purpose: body.need?.purpose ?? 'working_capital',
    termMonths: body.need?.term_months ?? 12,
    note: body.note ?? '',
  }
}

export type Faults = Partial<Record<'visitedOn' | 'staffIds' | 'name' | 'amountWan', string>>

export function faultsOf(form: Form): Faults {
  const faults: Faults = {}
  if (!form.visitedOn) faults.visitedOn = '请选择走访日期'
  else if (form.visitedOn > today()) faults.visitedOn = '走访日期不能晚于今天'
  if (!form.staffIds.length) faults.staffIds = '请至少选择一名走访人员'
  if (!form.name.trim()) faults.name = '请填写受访人姓名'
  if (form.hasNeed && !yuanFromWan(form.amountWan)) faults.amountWan = '请填写大于零的金额，单位万元'
  return faults
}

/** What keeps the record from counting; it may be sent all the same. */
export function missingOf(form: Form): string[] {
  return [...(form.photoIds.length ? [] : ['照片']), ...(form.place ? [] : ['位置'])]
}

export function bodyOf(form: Form, enterpriseId: string, campaignId: string): VisitIn {
  const amount = form.hasNeed ? yuanFromWan(form.amountWan) : null
  return {
    visit_id: form.visitId,
    campaign_id: campaignId,
    enterprise_id: enterpriseId,
    visited_on: form.visitedOn,
    // A form filled in on a later day says nothing about when the visit began.
    started_at: dayOf(form.startedAt) === form.visitedOn ? form.startedAt : null,
    staff_ids: form.staffIds,
    interviewee: { role: form.role, name: form.name.trim() },
    place: form.place,
    photo_ids: form.photoIds,
    told_campaign: form.toldCampaign,
    told_qr: form.toldQr,
    need: amount ? { amount, purpose: form.purpose, term_months: form.termMonths } : null,
    note: form.note.trim() || null,
  }
}
