"""The smallest body that a schema of an OpenAPI document accepts."""

from typing import Any
from uuid import uuid4

Json = dict[str, Any]


def smallest(schema: Json, document: Json) -> Any:
    """A value that fits the schema: required fields only, the first of every choice."""
    if "$ref" in schema:
        part: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            part = part[step]
        return smallest(part, document)
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
            return {name: smallest(schema["properties"][name], document) for name in wanted}
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


def _text(schema: Json) -> str:
    by_format = {
        "uuid": str(uuid4()),
        "date": "2022-08-01",
        "date-time": "2022-08-01T10:00:00+08:00",
    }
    found = by_format.get(schema.get("format", ""), "320505")
    return found.ljust(int(schema.get("minLength", 1)), "1")[: int(schema.get("maxLength", 200))]


def body_of(operation: Json, document: Json) -> Any:
    """The smallest body of an operation, None where it takes none or no JSON."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    return smallest(schema, document) if schema else None


def ids_in(operation: Json, document: Json) -> tuple[str, ...]:
    """The fields of an operation's body, or of the rows in it, that name a single object."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = _resolved(content.get("application/json", {}).get("schema", {}), document)
    rows = _resolved(schema.get("properties", {}).get("rows", {}).get("items", {}), document)
    fields = schema.get("properties", {}) | rows.get("properties", {})
    return tuple(name for name, field in fields.items() if _is_id(field))


def with_id(body: Any, name: str, value: str) -> Any:
    """The body with another id in a field, in every row where it has rows."""
    if isinstance(body, dict) and isinstance(body.get("rows"), list):
        return body | {"rows": [row | {name: value} for row in body["rows"]]}
    return body | {name: value}


def _is_id(field: Json) -> bool:
    return any(one.get("format") == "uuid" for one in (field, *field.get("anyOf", ())))


def _resolved(schema: Json, document: Json) -> Json:
    part: Any = document
    if "$ref" not in schema:
        return schema
    for step in schema["$ref"].removeprefix("#/").split("/"):
        part = part[step]
    return part
