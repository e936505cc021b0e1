/** The services by the names that people know. */
export const SERVICES = [
  ['identity', '账号与登录'],
  ['registry', '名单与档案'],
  ['allocation', '分配'],
  ['visits', '走访'],
  ['credit', '信贷'],
  ['reporting', '统计与通报'],
] as const
