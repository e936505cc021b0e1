"""Errors a caller can act on: a stable code for programs, a Chinese title for people."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong input: `where` it stands (field, row or cell), its `code`, and a message."""

    where: str
    code: str
    message: str


class YinqiError(Exception):
    """Base of every expected failure; the web layer turns it into problem+json.

    `code` is a stable dotted string (`visit.date_in_future`) that never changes once released;
    `title` and `detail` are Chinese and may.
    """

    default_status: ClassVar[int] = 500

    def __init__(
        self,
        code: str,
        title_zh: str,
        detail_zh: str = "",
        *,
        status: int | None = None,
        errors: Sequence[FieldError] = (),
    ) -> None:
        super().__init__(code, title_zh, detail_zh)
        self.code = code
        self.title = title_zh
        self.detail = detail_zh
        self.status = self.default_status if status is None else status
        self.errors: tuple[FieldError, ...] = tuple(errors)

    def __str__(self) -> str:
        """Show code, title and detail on one line, as logs and test failures want it."""
        said = f"{self.code}: {self.title}"
        return f"{said} ({self.detail})" if self.detail else said


class BadInput(YinqiError):
    """The request cannot be understood or a value is outside its domain."""

    default_status = 422


class NotFound(YinqiError):
    """It does not exist, or not for this caller: the two must look the same."""

    default_status = 404


class Conflict(YinqiError):
    """The state has moved on, or the key is taken."""

    default_status = 409


class Refused(YinqiError):
    """The caller is known and may not do this."""

    default_status = 403


class RuleViolation(YinqiError):
    """A domain rule says no to an otherwise well-formed command."""

    default_status = 409
