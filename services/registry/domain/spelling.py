"""How a name is typed: any part of it, its pinyin, its initials; and what a typed word asks for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from pypinyin import Style, lazy_pinyin

WordKind = Literal["part", "pair", "start", "code", "spelled"]
_PLAIN: Final = re.compile(r"[\s\W_]+")
_CODE: Final = re.compile(r"[0-9][0-9A-Z]{1,17}")
_LETTERS: Final = re.compile(r"[a-z]+")
MOST_WORDS: Final = 6


@dataclass(frozen=True, slots=True)
class Word:
    """One typed word: what kind of look-up it is, and its text in that look-up's form."""

    kind: WordKind
    text: str


@lru_cache(maxsize=20_000)
def _syllables(part: str) -> tuple[str, ...]:
    read = lazy_pinyin(part, style=Style.NORMAL, errors=list)  # pyright: ignore[reportArgumentType]
    return tuple(read)


def spelled(name: str, former: Sequence[str] = ()) -> str:
    """Return the search text of a name: its pairs of characters, its pinyin, its initials.

    Pairs, of characters and of initials, stand between blanks, so that two are found by an index
    that only knows triples; and each character begins one or stands alone, so that one is, too.
    Names it had before stand behind it, each as it was written and spelled.

    Units:   none.
    Raises:  nothing.
    Source:  JS-05.
    """
    plain = _PLAIN.sub("", name).lower()
    syllables = [each for each in _syllables(plain) if each]
    initials = "".join(syllable[0] for syllable in syllables)
    pairs = " ".join((*_pairs(plain), plain[-1:], *_pairs(initials)))
    before = "".join(f"| {each}{spelled(each)}" for each in former)
    return f" {pairs} | {''.join(syllables)} | {initials} {before}"


def _pairs(text: str) -> list[str]:
    return [text[at : at + 2] for at in range(len(text) - 1)]


def words_of(typed: str) -> list[Word]:
    """Return what a typed text asks for; every word must be found.

    Units:   none.
    Raises:  nothing.
    Source:  JS-05.
    """
    return [_word(word) for word in typed.split()[:MOST_WORDS]]


def _word(word: str) -> Word:
    if _CODE.fullmatch(word.upper()):
        return Word("code", word.upper())
    lower = word.lower()
    if _LETTERS.fullmatch(lower) and len(lower) > 2:
        return Word("spelled", lower)
    if len(lower) == 2 and not _PLAIN.search(lower):
        return Word("start" if lower.isascii() else "pair", lower)
    if len(lower) == 1 and not _PLAIN.search(lower):
        return Word("start", lower)
    return Word("part", word)
