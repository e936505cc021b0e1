"""Unified Social Credit Codes (统一社会信用代码, GB 32100-2015)."""

import unicodedata
from typing import Final

from stdnum.cn import uscc as _uscc
from stdnum.exceptions import InvalidChecksum, ValidationError

from shared.kernel.errors import BadInput

LENGTH: Final = 18


def check(text: str) -> str:
    """Return the code in its one written form, or say what is wrong with it.

    Full-width characters, lower case and spaces are what typists do and are repaired; a
    dash or any other character is not, because it may stand for a lost one.

    Units:   none.
    Raises:  BadInput `uscc.length`, `uscc.format`, `uscc.check_character`.
    Source:  JS-04, GB 32100-2015.
    """
    code = normalised(text)
    if len(code) != LENGTH:
        raise BadInput("uscc.length", "统一社会信用代码应为18位", f"实际{len(code)}位")
    if not (code.isascii() and code.isalnum()):
        raise BadInput("uscc.format", "统一社会信用代码含有不允许的字符")
    try:
        return _uscc.validate(code)
    except InvalidChecksum as wrong:
        raise BadInput("uscc.check_character", "统一社会信用代码校验位不正确") from wrong
    except ValidationError as wrong:
        raise BadInput("uscc.format", "统一社会信用代码格式不正确") from wrong


def normalised(text: str) -> str:
    """Fold width and case and drop all spaces; no judgement."""
    return "".join(unicodedata.normalize("NFKC", text).split()).upper()


def check_character(first_17: str) -> str:
    """Return the eighteenth character that belongs to the first seventeen.

    Units:   none.
    Raises:  ValueError, where a character is outside the alphabet or the length is not 17.
    Source:  GB 32100-2015.
    """
    if len(first_17) != LENGTH - 1:
        raise ValueError("a credit code's check character needs seventeen characters")
    return _uscc.calc_check_digit(first_17)
