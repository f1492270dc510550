from typing import Any

from pflow_lower.planner.outline import outline

SCHEMA: dict[str, Any] = {
    "description": "All of it.",
    "properties": {
        "things": {
            "type": "array",
            "items": {"$ref": "#/$defs/thing"},
            "description": "What there is.",
        },
        "named": {"type": "object", "additionalProperties": {"$ref": "#/$defs/thing"}},
        "fixed": {"const": True},
        "free": {},
    },
    "required": ["things"],
    "$defs": {
        "thing": {
            "properties": {
                "size": {"type": "integer", "minimum": 1, "maximum": 9, "default": 2},
                "share": {"type": "number", "exclusiveMinimum": 0},
                "kind": {"enum": ["a", "b"]},
                "name": {"type": "string", "pattern": "^x"},
                "either": {
                    "type": ["string", "array", "object"],
                    "properties": {"one": {"type": "string"}},
                },
            }
        }
    },
}


def test_it_says_what_each_key_may_be() -> None:
    assert outline(SCHEMA) == (
        "### workflow\n"
        "\n"
        "All of it.\n"
        "\n"
        "- `things` (array of thing; required): What there is.\n"
        "- `named` (object of name to thing)\n"
        "- `fixed` (true)\n"
        "- `free` (any value)\n"
        "\n"
        "### thing\n"
        "\n"
        "- `size` (integer; at least 1; at most 9; default 2)\n"
        "- `share` (number; more than 0)\n"
        '- `kind` ("a" or "b")\n'
        "- `name` (string; of the form ^x)\n"
        "- `either` (string or array or object)\n"
        "  - `one` (string)"
    )
