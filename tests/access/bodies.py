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
