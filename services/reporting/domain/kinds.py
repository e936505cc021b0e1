"""The kinds of signed rows: what a row counts. Codes are stored: never renumber, only append."""

from typing import Final

ON_LIST: Final = 1  # enterprises of the campaign's list
HELD: Final = 2  # currently assigned to an institution (tier 2)
CONTACT: Final = 3  # assigned, and the contact person is named (JS-08)
VISIT: Final = 4  # complete visits, each once
SEEN: Final = 5  # enterprises with a complete visit so far
COVERED: Final = 6  # assigned to an institution that has paid a complete visit (JS-11)
NEED: Final = 7  # financing needs stated
APPLIED: Final = 8  # applications filed
LINE: Final = 9  # credit lines approved
GRANTED: Final = 10  # loans with new money paid out, and that money
BALANCE: Final = 11  # outstanding principal
BORROWER: Final = 12  # enterprises with a balance
MATCHED: Final = 13  # enterprises with a first approved line or granted loan (JS-19)
GONE: Final = 14  # of those on the list, cancelled: agreed by the bureau (R9)
GONE_SEEN: Final = 15  # of those cancelled, with a complete visit
GONE_HELD: Final = 16  # of those assigned to an institution, cancelled
GONE_COVERED: Final = 17  # of those, with a visit of that institution

#: Added to a stock's kind for the pair of rows that takes it to another county. Flows have none.
MOVED: Final = 100

STOCKS: Final = frozenset({
    ON_LIST, HELD, CONTACT, SEEN, COVERED, BALANCE, BORROWER, MATCHED,
    GONE, GONE_SEEN, GONE_HELD, GONE_COVERED,
})  # fmt: skip
FLOWS: Final = frozenset({VISIT, NEED, APPLIED, LINE, GRANTED})
