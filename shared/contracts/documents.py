"""Documents made from the contracts: JSON Schemas, examples, the AsyncAPI document; and the gate.

`schemas/` and `examples/` hold one file per event and version, for ever. The gate compares what the
code says today with what was released: within a version only optional fields may be added, because
an older consumer reads newer events and a newer consumer reads the oldest.
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from shared.contracts.event import CONTRACTS, PARTITIONS, Contract, Data, lift

HERE = Path(__file__).parent
SCHEMAS = HERE / "schemas"
EXAMPLES = HERE / "examples"
_EXAMPLE_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


def schema_of(contract: Contract) -> Data:
    """The JSON Schema (2020-12) of an event's data, closed for writers."""
    (schema,), parts = msgspec.json.schema_components(
        [contract.event], ref_template="#/$defs/{name}"
    )
    name = str(schema["$ref"]).rpartition("/")[2]
    own: Data = dict(parts.pop(name))
    own |= {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{contract.type}.json",
        "additionalProperties": False,
        "x-topic": contract.topic,
        "x-key": contract.key,
        "x-business-date": contract.business_on,
    }
    if parts:
        own["$defs"] = parts
    plain: Data = json.loads(json.dumps(own))
    return plain


def example_of(contract: Contract) -> Data:
    """Data that fits the contract, always the same."""
    schema = schema_of(contract)
    return {name: _example(kind) for name, kind in schema["properties"].items()}


def _example(kind: Data) -> Any:
    if "enum" in kind:
        return kind["enum"][0]
    if "anyOf" in kind:
        return _example(kind["anyOf"][0])
    if kind["type"] == "array":
        return [_example(kind["items"])] if "items" in kind else []
    if kind["type"] == "string":
        return _example_text(kind)
    return {"integer": 1, "boolean": True, "null": None, "number": 1.5}[kind["type"]]


def _example_text(kind: Data) -> str:
    by_format = {
        "uuid": _EXAMPLE_ID,
        "date": "2022-05-06",
        "date-time": "2022-05-06T09:30:00+08:00",
    }
    if text := by_format.get(kind.get("format", "")):
        return text
    pattern = kind.get("pattern", "")
    if pattern == r"^\d{6}$":
        return "320505"
    return "2021-12-31" if pattern.startswith(r"^\d{4}") else "sample"


def breaks(released: Data, now: Data) -> list[str]:
    """How today's schema would break readers or writers of the released one; empty if it fits."""
    found: list[str] = []
    before: Data = released["properties"]
    after: Data = now["properties"]
    found += [f"field {name} was removed" for name in before.keys() - after.keys()]
    found += [
        f"field {name} changed from {json.dumps(before[name])} to {json.dumps(after[name])}"
        for name in sorted(before.keys() & after.keys())
        if _bare(before[name]) != _bare(after[name])
    ]
    was, required = set(released.get("required", ())), set(now.get("required", ()))
    found += [
        f"field {name} is new and required" for name in sorted(required - was - before.keys())
    ]
    found += [f"field {name} became required" for name in sorted((required - was) & before.keys())]
    found += [f"field {name} is no longer always there" for name in sorted(was - required)]
    found += [
        f"{mark} changed from {released.get(mark)} to {now.get(mark)}"
        for mark in ("x-topic", "x-key", "x-business-date")
        if released.get(mark) != now.get(mark)
    ]
    return found


def _bare(kind: Any) -> Any:
    """A schema without its words: titles and descriptions may change freely."""
    if isinstance(kind, dict):
        return {k: _bare(v) for k, v in kind.items() if k not in ("description", "title")}
    return [_bare(item) for item in kind] if isinstance(kind, list) else kind


def check(schemas: Path = SCHEMAS, examples: Path = EXAMPLES) -> list[str]:
    """Everything that keeps today's contracts from being released; empty where all is well."""
    problems: list[str] = []
    for contract in CONTRACTS.values():
        path = schemas / f"{contract.type}.json"
        if not path.exists():
            problems.append(f"{contract.type}: not released yet; run `yinqi contracts write`")
            continue
        found = breaks(json.loads(path.read_text()), schema_of(contract))
        problems += [
            f"{contract.type}: {text}; raise the version and add an upcast" for text in found
        ]
    for path in sorted(examples.glob("*.json")):
        problems += _check_example(path)
    return problems


def _check_example(path: Path) -> list[str]:
    name, _, version = path.stem.rpartition(".v")
    contract = CONTRACTS.get(name)
    if contract is None:
        return [f"{path.stem}: released once, but no longer declared; old events could not be read"]
    try:
        lift(contract, int(version), json.loads(path.read_text()))
    except Exception as error:
        return [f"{path.stem}: its example is not readable any more: {error!r}"]
    return []


def write(schemas: Path = SCHEMAS, examples: Path = EXAMPLES) -> list[str]:
    """Release today's contracts: new files are added, additive changes taken; nothing else moves.

    Returns: the problems that kept it from writing, as `check` would tell them.
    """
    problems = [p for p in check(schemas, examples) if "not released yet" not in p]
    if problems:
        return problems
    schemas.mkdir(exist_ok=True)
    examples.mkdir(exist_ok=True)
    for contract in CONTRACTS.values():
        _dump(schemas / f"{contract.type}.json", schema_of(contract))
        example = examples / f"{contract.type}.json"
        if not example.exists():
            _dump(example, example_of(contract))
    return []


def _dump(path: Path, content: Data) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def asyncapi() -> Data:
    """The AsyncAPI 3.0 document of all topics and events."""
    topics = sorted({contract.topic for contract in CONTRACTS.values()})
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Yinqi events",
            "version": "1",
            "description": "One topic per service; events of one key stay in order.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {topic: _channel(topic) for topic in topics},
        "operations": {
            f"{topic.removesuffix('.events')}.publish": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{topic}"},
            }
            for topic in topics
        },
        "components": {
            "messages": {c.event.__name__: _message(c) for c in CONTRACTS.values()},
            "schemas": {"Envelope": _envelope()},
        },
    }


def _channel(topic: str) -> Data:
    names = [c.event.__name__ for c in CONTRACTS.values() if c.topic == topic]
    return {
        "address": topic,
        "description": f"{PARTITIONS} partitions, kept for ever",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
    }


def _message(contract: Contract) -> Data:
    data = {k: v for k, v in schema_of(contract).items() if k not in ("$schema", "$id")}
    return {
        "name": contract.type,
        "title": contract.event.__name__,
        "summary": (contract.event.__doc__ or "").strip().split("\n")[0],
        "contentType": "application/cloudevents+json",
        "payload": {
            "allOf": [
                {"$ref": "#/components/schemas/Envelope"},
                {"type": "object", "properties": {"data": data}, "required": ["data"]},
            ]
        },
    }


def _envelope() -> Data:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "CloudEvents 1.0, structured JSON",
        "required": ["specversion", "id", "source", "type", "subject", "time", "sequence", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "format": "uuid"},
            "source": text | {"description": "the service that emitted it"},
            "type": text | {"description": "class name and version, LoanGranted.v1"},
            "subject": text | {"description": "the ordering key"},
            "time": {"type": "string", "format": "date-time", "description": "recorded at"},
            "sequence": {"type": "integer", "minimum": 1, "description": "dense per key"},
            "dataschema": text,
            "traceparent": text,
            "actor": text | {"description": "the account that acted, or system"},
        },
    }


def events_page() -> str:
    """The page docs/events.md: every event with its fields, in the order a campaign goes."""
    lines = [
        "# Events",
        "",
        "Made by `yinqi contracts write` from `shared/contracts/`; do not edit.",
        "Envelope: CloudEvents 1.0. Topic = service, key = ordering. How to add one: docs/tour.md.",
    ]
    for contract in CONTRACTS.values():
        schema = schema_of(contract)
        required = set(schema.get("required", ()))
        lines += ["", f"## {contract.type}", "", (contract.event.__doc__ or "").strip(), ""]
        lines += [
            (
                f"Topic `{contract.topic}`, key `{contract.key}`,"
                f" business date `{contract.business_on}`."
            ),
            "",
            "| field | type | |",
            "| --- | --- | --- |",
        ]
        lines += [
            f"| `{name}` | {_words(kind)} | {'' if name in required else 'optional'} |"
            for name, kind in schema["properties"].items()
        ]
    return "\n".join(lines) + "\n"


def _words(kind: Data) -> str:
    if "enum" in kind:
        return " \\| ".join(f"`{value}`" for value in kind["enum"])
    if "anyOf" in kind:
        return " or ".join(_words(choice) for choice in kind["anyOf"])
    if kind["type"] == "array":
        return f"list of {_words(kind['items'])}" if "items" in kind else "list"
    return str(kind.get("format") or kind["type"])
