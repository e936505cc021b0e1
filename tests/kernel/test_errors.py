"""Errors carry what a caller needs."""

import pickle

import pytest

from shared.kernel.errors import (
    BadInput,
    Conflict,
    FieldError,
    NotFound,
    Refused,
    RuleViolation,
    YinqiError,
)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (YinqiError, 500),
        (BadInput, 422),
        (NotFound, 404),
        (Conflict, 409),
        (Refused, 403),
        (RuleViolation, 409),
    ],
)
def test_each_kind_has_its_status(kind: type[YinqiError], status: int) -> None:
    assert kind("visit.date_in_future", "走访日期不能晚于今天").status == status
    assert kind("a.b", "甲", status=418).status == 418


def test_an_error_carries_code_title_detail_and_fields_even_through_pickle() -> None:
    field = FieldError("rows[3].amount", "money.format", "金额格式不正确")
    error = BadInput("import.row", "行有误", "第4行", errors=[field])
    for each in (error, pickle.loads(pickle.dumps(error))):
        assert (each.code, each.title, each.detail) == ("import.row", "行有误", "第4行")
        assert each.errors == (field,)
        assert str(each) == "import.row: 行有误 (第4行)"
