"""The contract gate holds today, and goes red for every kind of breaking change."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import jsonschema_rs
import msgspec
import pytest

from shared.contracts.credit import LoanDrawn
from shared.contracts.documents import EXAMPLES, SCHEMAS, asyncapi, breaks, check, events_page
from shared.contracts.event import (
    CONTRACTS,
    Malformed,
    NewerVersion,
    UnknownEvent,
    decode,
    encode,
    numbered,
    part_of,
)

DOCS = Path(__file__).parents[2] / "docs"


def drawn(**change: Any) -> LoanDrawn:
    fields: dict[str, Any] = {
        "drawdown_id": uuid4(),
        "loan_id": uuid4(),
        "enterprise_id": uuid4(),
        "institution_id": uuid4(),
        "outlet_id": uuid4(),
        "region_code": "320505",
        "amount_fen": 100,
        "new_money": True,
        "drawn_on": date(2022, 5, 6),
    }
    return LoanDrawn(**fields | change)


def wire(event: LoanDrawn) -> bytes:
    return numbered(encode(event, id=uuid4(), at=datetime.now(UTC), actor="x", trace=""), 7)


def read(payload: bytes) -> Any:
    return decode(payload, topic="credit.events", part=0, off=3, known_at=datetime.now(UTC))


def test_todays_contracts_fit_what_was_released() -> None:
    assert check() == []


@pytest.mark.parametrize("name", sorted(CONTRACTS))
def test_the_example_of_every_event_fits_its_schema(name: str) -> None:
    kind = CONTRACTS[name].type
    schema = json.loads((SCHEMAS / f"{kind}.json").read_text())
    example = json.loads((EXAMPLES / f"{kind}.json").read_text())

    assert jsonschema_rs.is_valid(schema, example)
    assert not jsonschema_rs.is_valid(schema, example | {"surprise": "某人"})


def test_an_event_comes_back_as_it_went() -> None:
    event = drawn()
    received = read(wire(event))

    assert received.event == event
    assert (received.seq, received.off, received.key) == (7, 3, str(event.enterprise_id))


def test_a_reader_ignores_a_field_it_does_not_know() -> None:
    envelope = msgspec.json.decode(wire(drawn()))
    envelope["data"]["added_later"] = 1

    assert read(msgspec.json.encode(envelope)).event.amount_fen == 100


def test_a_broken_value_is_refused_when_written() -> None:
    with pytest.raises(Malformed, match="amount_fen"):
        wire(drawn(amount_fen=-1))
    with pytest.raises(Malformed, match="region_code"):
        wire(drawn(region_code="32"))


@pytest.mark.parametrize(
    ("kind", "error"), [("LoanDrawn.v99", NewerVersion), ("LoanBurnt.v1", UnknownEvent)]
)
def test_a_newer_version_and_an_unknown_type_are_told_apart(
    kind: str, error: type[Exception]
) -> None:
    envelope = msgspec.json.decode(wire(drawn())) | {"type": kind}

    with pytest.raises(error):
        read(msgspec.json.encode(envelope))


def released() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((SCHEMAS / "LoanDrawn.v1.json").read_text())
    return schema


def changed(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    schema = json.loads(json.dumps(released()))
    place = schema
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return schema


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (changed(("properties", "amount_fen"), None), "removed"),
        (changed(("properties", "amount_fen"), {"type": "string"}), "changed"),
        (changed(("properties", "region_code", "pattern"), r"^\d{4}$"), "changed"),
        (changed(("required",), [*released()["required"], "later"]), "new and required"),
        (changed(("required",), released()["required"][1:]), "no longer always there"),
        (changed(("x-key",), "loan_id"), "x-key"),
        (changed(("x-topic",), "visits.events"), "x-topic"),
    ],
)
def test_a_breaking_change_is_named(now: dict[str, Any], words: str) -> None:
    assert any(words in text for text in breaks(released(), now))


def test_an_optional_field_and_a_better_description_break_nothing() -> None:
    now = changed(("properties", "later"), {"type": "string", "default": ""})
    now["properties"]["amount_fen"]["description"] = "better words"

    assert breaks(released(), now) == []


def test_a_version_raised_without_a_way_back_is_named(tmp_path: Path) -> None:
    example = json.loads((EXAMPLES / "LoanDrawn.v1.json").read_text())
    (tmp_path / "LoanDrawn.v0.json").write_text(json.dumps(example))
    (tmp_path / "LoanGone.v1.json").write_text("{}")

    problems = check(SCHEMAS, tmp_path)

    assert any("LoanDrawn.v0" in problem for problem in problems)
    assert any("no longer declared" in problem for problem in problems)


def test_no_event_has_a_field_for_a_persons_data() -> None:
    fields = {
        (name, field)
        for name, contract in CONTRACTS.items()
        for field in msgspec.json.schema(contract.event)["$defs"][name]["properties"]
    }
    banned = (
        "phone",
        "mobile",
        "email",
        "id_number",
        "legal_rep",
        "address",
        "interviewee",
        "note",
    )

    assert [f for f in fields if any(word in f[1] for word in banned)] == []
    # Public names of organisations; of a person in the directory the name is left empty.
    named = {"InstitutionChanged", "OutletChanged", "PartyChanged"}
    assert {f[0] for f in fields if f[1] == "name"} == named


def test_the_partition_of_a_key_never_changes() -> None:
    keys = ["01890a5d-ac96-774b-bcce-b302099a8057", "a", "2021-12-31", "苏州"]

    assert [part_of(key) for key in keys] == [3, 3, 4, 5]


def test_the_generated_documents_are_up_to_date() -> None:
    assert json.loads((DOCS / "asyncapi.json").read_text()) == asyncapi()
    assert (DOCS / "events.md").read_text() == events_page()
