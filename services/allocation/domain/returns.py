"""Returns: an institution asks to give an enterprise back, with a code; the bureau has its days."""

from datetime import date

from shared.kernel.calendar import WorkCalendar

DECIDE_WITHIN_DAYS = 5
REASONS = {
    "moved_away": "企业已迁出本市",
    "not_found": "按登记地址与联系方式找不到企业",
    "closed": "企业已停业或注销",
    "not_in_scope": "企业不属于本次活动范围",
    "related_party": "企业与本机构存在关联关系,应当回避",
    "refuses_contact": "企业书面拒绝对接",
    "wrong_assignment": "分配依据的信息有误",
}


def decision_due_on(asked_on: date, calendar: WorkCalendar) -> date:
    """Last day on which the bureau may decide; the day of asking never counts.

    Units:   working days of `calendar`; dates local to the province.
    Raises:  CalendarGap, where `calendar` ends before the due date.
    Source:  feature A8.
    """
    return calendar.add_working_days(asked_on, DECIDE_WITHIN_DAYS)
