// Why an enterprise may be given back, as the service knows it.
export const RETURN_REASONS: Record<string, string> = {
  moved_away: '企业已迁出本市',
  not_found: '按登记地址与联系方式找不到企业',
  closed: '企业已停业或注销',
  not_in_scope: '企业不属于本次活动范围',
  related_party: '企业与本机构存在关联关系，应当回避',
  refuses_contact: '企业书面拒绝对接',
  wrong_assignment: '分配依据的信息有误',
}
