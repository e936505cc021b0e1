// Roles as people call them, and which console pages a role has a use for (the services decide what it may).
import type { Account, Role } from '@/api/types'

export const ROLES: Record<Role, string> = {
  province_regulator: '省级监管',
  bureau: '监管分局',
  st_bureau: '科技部门',
  bank_head: '银行总部',
  branch_head: '支行负责人',
  relationship_manager: '客户经理',
  bank_core: '银行系统',
  association: '协会运营',
  enterprise: '企业',
  expert: '专家',
  auditor: '审计员',
  platform_admin: '平台管理',
}

export const roleText = (role: string): string => ROLES[role as Role] ?? role

export interface Section {
  page: string
  label: string
  roles: string[] | null
}

/** Whom the matrix shows bulletins, with the figures of every bank. */
export const READS_BULLETINS = ['platform_admin', 'province_regulator', 'bureau']

export const SECTIONS: Section[] = [
  { page: 'board', label: '看板', roles: null },
  { page: 'imports', label: '导入', roles: ['platform_admin', 'province_regulator', 'bank_head'] },
  { page: 'plans', label: '分配', roles: ['platform_admin', 'province_regulator', 'bureau', 'st_bureau', 'bank_head', 'auditor'] },
  { page: 'contacts', label: '对接人', roles: ['bank_head', 'branch_head'] },
  { page: 'returns', label: '退回', roles: ['platform_admin', 'province_regulator', 'bureau', 'bank_head'] },
  { page: 'accounts', label: '账号', roles: ['platform_admin', 'province_regulator', 'bureau', 'bank_head', 'branch_head', 'association', 'auditor'] },
  { page: 'approvals', label: '复核', roles: ['platform_admin', 'province_regulator', 'bank_head', 'branch_head', 'auditor'] },
  { page: 'audit', label: '审计', roles: ['platform_admin', 'province_regulator', 'bureau', 'st_bureau', 'bank_head', 'association', 'auditor'] },
  { page: 'parked', label: '异常事件', roles: ['platform_admin', 'auditor'] },
]

export const sectionsOf = (account: Account): Section[] => SECTIONS.filter(({ roles }) => !roles || roles.includes(account.role))
