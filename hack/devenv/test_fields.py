from __future__ import annotations

import unittest
from typing import Any

from devenv import fields

SECRET = {"type": "object", "description": "A key.", "required": ["key"],
          "properties": {"key": {"type": "string", "minLength": 1, "maxLength": 253, "description": "Key."}}}
SPEC: dict[str, Any] = {
    "type": "object",
    "description": "A pipeline.",
    "required": ["schedule"],
    "x-kubernetes-validations": [{"rule": "self.a != self.b", "message": "a_b must differ"}, {"rule": "has(self.schedule)"}],
    "properties": {
        "schedule": {"type": "string", "description": "When to\n fire.", "enum": ["a", "b", None]},
        "count": {"type": "integer", "minimum": 1.0, "maximum": 1440.0, "default": 5, "description": "How many."},
        "tags": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 9}, "maxProperties": 40},
        "input": {"x-kubernetes-preserve-unknown-fields": True},
        "tasks": {"type": "array", "maxItems": 100, "default": [], "description": "What it does.", "items": {
            "type": "object", "description": "One task.", "properties": {
                "expect": {"type": "array", "default": ["2xx"], "items": {"x-kubernetes-int-or-string": True}},
                "headers": {"type": "array", "items": {
                    "type": "object", "x-kubernetes-validations": [{"rule": "x", "message": "one of both"}],
                    "properties": {"name": {"type": "string", "pattern": "^[`|]$"}, "secretKeyRef": SECRET}}}}}},
    },
}
STATUS = {"type": "object", "properties": {"since": {"type": "string", "format": "date-time", "description": "Since."}}}


def definition(spec: dict[str, Any]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    schema = {"openAPIV3Schema": {"properties": {"spec": spec, "status": STATUS}}}
    return {"spec": {"versions": [{"name": "v1", "schema": schema}]}}


class FieldsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.page = fields.page(definition(SPEC))

    def has(self, line: str) -> None:
        self.assertIn(f"\n{line}\n", self.page)

    def test_a_field_is_a_row_with_its_type_default_limits_and_meaning(self) -> None:
        self.has("| `schedule` | text | required | `a`, `b` | When to fire. |")
        self.has("| `count` | integer | `5` | 1 to 1,440 | How many. |")
        self.has("| `tags` | map of texts |  | at most 40 entries; each: at most 9 characters |  |")
        self.has("| `input` | any JSON |  |  |  |")
        self.has("| `since` | time |  |  | Since. |")

    def test_fields_below_fields_have_sections_and_are_led_to(self) -> None:
        self.has("| `tasks` | [list of objects](#spectasks) | `[]` | at most 100 entries | What it does. |")
        self.has("## spec.tasks[]\n\nOne task.")
        self.has('| `tasks[].expect` | list of integers or texts | `["2xx"]` |  |  |')
        self.has("| `tasks[].headers` | list of objects |  | one of both |  |")

    def test_secrets_are_described_once(self) -> None:
        self.has("| `tasks[].headers[].secretKeyRef` | [secretKeyRef](#secretkeyref) |  |  | A key. |")
        self.has("| `secretKeyRef.key` | text | required | 1 to 253 characters | Key. |")
        self.assertEqual(self.page.count("secretKeyRef.key"), 1)

    def test_nothing_ends_a_cell_or_marks_up_a_rule(self) -> None:
        self.has("| `tasks[].headers[].name` | text |  | `` ^[`\\|]$ `` |  |")
        self.has("- a\\_b must differ\n- `has(self.schedule)`")

    def test_two_kinds_of_secrets_are_noticed(self) -> None:
        other = {**SECRET, "required": []}
        with self.assertRaisesRegex(AssertionError, "several kinds"):
            fields.page(definition({**SPEC, "properties": {**SPEC["properties"], "secretKeyRef": other}}))


if __name__ == "__main__":
    unittest.main()
