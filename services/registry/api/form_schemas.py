"""The kinds of files that can be imported, and their columns, as JSON."""

from services.registry.domain.columns import Form
from services.registry.domain.records import Kind
from shared.platform.web import Out


class ColumnOut(Out):
    """A column of a kind of file; `group`: of those with one number at least one must be there."""

    field: str
    title: str
    group: int | None


class FormOut(Out):
    """A kind of file that can be imported."""

    kind: Kind
    columns: list[ColumnOut]

    @classmethod
    def of(cls, form: Form) -> "FormOut":
        groups = {field: at for at, group in enumerate(form.required) for field in group}
        columns = [
            ColumnOut(field=each.field, title=each.title, group=groups.get(each.field))
            for each in form.columns
        ]
        return cls(kind=form.kind, columns=columns)


class FormList(Out):
    """All kinds of files."""

    items: list[FormOut]
    next_cursor: None = None
