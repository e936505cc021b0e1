"""The smallest body that a schema of an OpenAPI document accepts, and the places of ids in it.

A place is written `$.rows[].staff_id`: from the body down to the id, through every row.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

from services.credit.domain.products import catalogue

Json = dict[str, Any]
#: What stands at the place to which a body was made.
HERE = "<here>"
#: Ids and codes of what a body speaks of; all others it gives to what it makes.
_SPOKEN_OF = (
    "campaign_id", "enterprise_id", "institution_id", "outlet_id", "staff_id", "assignment_id",
    "city_code",
)  # fmt: skip
#: Codes that no schema names, and without which a body is refused before its ids are looked at.
_SAID = {"reason_code": "moved_away", "product_code": catalogue()[0].code}
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_STEP = re.compile(r"\w+|\[\]")
_DEEPEST = 6


def smallest(schema: Json, document: Json, toward: tuple[str, ...] | None = None) -> Any:
    """A value that fits the schema: required fields only, the first of every choice.

    And, where it was asked for, the fields `toward` a place in it, and `HERE` there.
    """
    if toward == ():
        return HERE
    if "$ref" in schema:
        return smallest(resolved(schema, document), document, toward)
    if toward is not None:
        return _toward(schema, document, toward)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    if "default" in schema and schema["default"] is not None:
        return schema["default"]
    for choices in ("anyOf", "oneOf", "allOf"):
        if choices in schema:
            return smallest(schema[choices][0], document)
    match schema.get("type"):
        case "object":
            wanted = schema.get("required", [])
            return {name: _field(name, schema["properties"][name], document) for name in wanted}
        case "array":
            return [smallest(schema["items"], document)] if schema.get("items") else []
        case "integer" | "number":
            return max(1, int(schema.get("minimum", 1)))
        case "boolean":
            return True
        case "string":
            return _text(schema)
        case _:
            return None


def _toward(schema: Json, document: Json, toward: tuple[str, ...]) -> Any:
    step, rest = toward[0], toward[1:]
    if "anyOf" in schema:
        return smallest(schema["anyOf"][0], document, toward)
    if step == "[]":
        return [smallest(schema["items"], document, rest)]
    required = {
        name: _field(name, schema["properties"][name], document)
        for name in schema.get("required", [])
    }
    return required | {step: smallest(schema["properties"][step], document, rest)}


def _field(name: str, schema: Json, document: Json) -> Any:
    free = schema.get("type") == "string" and "enum" not in schema
    return _SAID[name] if free and name in _SAID else smallest(schema, document)


def _text(schema: Json) -> str:
    by_format = {
        "uuid": str(uuid4()),
        "date": "2022-08-01",
        "date-time": "2022-08-01T10:00:00+08:00",
    }
    found = by_format.get(schema.get("format", ""), "320505")
    return found.ljust(int(schema.get("minLength", 1)), "1")[: int(schema.get("maxLength", 200))]


def schema_of(operation: Json, document: Json) -> Json | None:
    """The schema of an operation's JSON body, None where it takes none or no JSON."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    return resolved(schema, document) if schema else None


def body_of(operation: Json, document: Json, place: str = "") -> Any:
    """The smallest body of an operation, with `HERE` at a place; None where it takes none."""
    schema = schema_of(operation, document)
    toward = tuple(_STEP.findall(place)) if place else None
    return smallest(schema, document, toward) if schema else None


def ids_in(operation: Json, document: Json) -> tuple[str, ...]:
    """The places of an operation's body at which a single object is named."""
    return tuple(_places(schema_of(operation, document) or {}, document, "$", _DEEPEST))


def kind_of(place: str) -> str:
    """What is named there: `photo_id` at `$.photo_ids[]`."""
    name = place.rpartition(".")[2]
    return name.removesuffix("[]").removesuffix("s") if name.endswith("[]") else name


def with_ids(body: Any, value: str, own: Mapping[str, list[str]], name: str = "") -> Any:
    """The body with an id `HERE`, elsewhere the caller's own; what is made has new id and name."""
    if isinstance(body, dict):
        return {key: with_ids(part, value, own, key) for key, part in body.items()}
    if isinstance(body, list):
        return [with_ids(part, value, own, name.removesuffix("s")) for part in body]
    if body == HERE:
        return value
    if name in _SPOKEN_OF and own.get(name):
        return own[name][0]
    made = isinstance(body, str) and (name == "name" or _ID.fullmatch(body))
    return str(uuid4()) if made else body


def _places(schema: Json, document: Json, here: str, deep: int) -> Iterator[str]:
    schema = resolved(schema, document)
    choices = schema.get("anyOf", ())[:1] or (schema,)
    for one in [resolved(choice, document) for choice in choices] if deep else ():
        if one.get("format") == "uuid":
            yield here
        if one.get("type") == "array":
            yield from _places(one.get("items", {}), document, f"{here}[]", deep - 1)
        for name, field in one.get("properties", {}).items():
            yield from _places(field, document, f"{here}.{name}", deep - 1)


def resolved(schema: Json, document: Json) -> Json:
    """What a schema refers to, itself where it refers to nothing."""
    part: Any = document
    if "$ref" not in schema:
        return schema
    for step in schema["$ref"].removeprefix("#/").split("/"):
        part = part[step]
    return part
