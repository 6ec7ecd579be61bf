"""As much of JSON Schema as docs/evaluate.schema.json uses, to hold real output against it."""

from __future__ import annotations

from typing import Any

_TYPES: dict[str, Any] = {
    "string": str, "boolean": bool, "object": dict, "array": list, "null": type(None), "number": (int, float),
    "integer": int,
}  # fmt: skip
_KNOWN = {
    "$schema", "$defs", "$ref", "title", "description", "type", "enum", "const", "properties", "required",
    "additionalProperties", "items",
}  # fmt: skip


def faults(value: Any, schema: dict[str, Any], root: dict[str, Any], place: str = "$") -> list[str]:
    """Return what of a value is not as the schema says, by place."""
    assert set(schema) <= _KNOWN, set(schema) - _KNOWN
    if "$ref" in schema:
        return faults(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, place)
    found = []
    wanted = schema.get("type", list(_TYPES))
    if not any(_is(value, kind) for kind in ([wanted] if isinstance(wanted, str) else wanted)):
        return [f"{place}: {value!r} is no {wanted}"]
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{place}: {value!r} is none of {schema['enum']}")
    if "const" in schema and value != schema["const"]:
        found.append(f"{place}: {value!r} is not {schema['const']}")
    if isinstance(value, dict):
        known = schema.get("properties", {})
        found += [f"{place}.{name}: is missing" for name in schema.get("required", ()) if name not in value]
        more = schema.get("additionalProperties", True)
        for name, each in value.items():
            if name in known or isinstance(more, dict):
                found += faults(each, known.get(name, more), root, f"{place}.{name}")
            elif not more:
                found.append(f"{place}.{name}: is not in the schema")
    if isinstance(value, list):
        for number, each in enumerate(value):
            found += faults(each, schema.get("items", {}), root, f"{place}[{number}]")
    return found


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind])
