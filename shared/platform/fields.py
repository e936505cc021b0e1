"""Field types for request bodies and answers that stand for the platform's own values."""

from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from shared.kernel.errors import YinqiError
from shared.kernel.money import fen_from_yuan, yuan
from shared.kernel.uscc import check


class FieldProblem(ValueError):
    """A kernel error as pydantic wants it; the web layer takes code and text from `cause`."""

    def __init__(self, cause: YinqiError) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _fen(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError("an amount is a string of yuan, such as 1200000.00")  # noqa: TRY004 - pydantic
    try:
        return fen_from_yuan(value)
    except YinqiError as error:
        raise FieldProblem(error) from error


def _uscc(value: object) -> str:
    try:
        return check(str(value))
    except YinqiError as error:
        raise FieldProblem(error) from error


_YUAN_SCHEMA = WithJsonSchema(
    {"type": "string", "pattern": r"^\d+(\.\d{1,2})?$", "examples": ["1200000.00"]}
)
YuanIn = Annotated[int, BeforeValidator(_fen), _YUAN_SCHEMA]
"""Yuan as a decimal string on the wire, integer fen inside."""
YuanOut = Annotated[int, PlainSerializer(yuan, return_type=str), _YUAN_SCHEMA]
"""Integer fen inside, yuan as a decimal string on the wire."""
UsccIn = Annotated[str, BeforeValidator(_uscc)]
"""A Unified Social Credit Code with a right check character, normalised."""
