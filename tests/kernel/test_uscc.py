"""Unified Social Credit Codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import uscc as oracle

from shared.kernel import uscc
from shared.kernel.errors import BadInput

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
FIRST_17 = st.tuples(
    st.text("0123456789", min_size=8, max_size=8), st.text(ALPHABET, min_size=9, max_size=9)
).map("".join)


@given(FIRST_17)
def test_JS_04_a_code_is_accepted_exactly_when_the_reference_accepts_it(first_17: str) -> None:
    right = uscc.check_character(first_17)
    for last in ALPHABET:
        code = first_17 + last
        if oracle.is_valid(code):
            assert last == right
            assert uscc.check(code) == code
        else:
            with pytest.raises(BadInput, match=r"uscc\.check_character"):
                uscc.check(code)


@given(FIRST_17)
def test_JS_04_width_case_and_spaces_are_repaired(first_17: str) -> None:
    code = first_17 + uscc.check_character(first_17)
    full_width = code.lower().translate({n: n + 0xFEE0 for n in range(0x21, 0x7F)})
    assert uscc.check(f" {full_width[:9]}\u3000{full_width[9:]}\t") == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "uscc.length"),
        ("91110000600037341", "uscc.length"),
        ("320123000054760", "uscc.length"),
        ("9111000060003734-L", "uscc.format"),
        ("91110000600037341O", "uscc.format"),
        ("9111000A600037341L", "uscc.format"),
        ("样例110000600037341L", "uscc.format"),
        ("911100006000373410", "uscc.check_character"),
    ],
)
def test_JS_04_each_wrong_code_says_what_is_wrong(text: str, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        uscc.check(text)
    assert refused.value.code == code


def test_a_check_character_needs_seventeen_characters() -> None:
    with pytest.raises(ValueError, match="seventeen"):
        uscc.check_character("123")
