from __future__ import annotations

import unittest
from typing import Any

from devenv import chart_checks


def tree(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


class UnusedTest(unittest.TestCase):
    def unused(self, schema: dict[str, Any], templates: str) -> list[str]:
        return list(chart_checks._unused(schema, templates))

    def test_values_are_used_by_their_path_within_a_parent_or_with_it(self) -> None:
        schema = tree(image=tree(tag={}, digest={}), resources=tree(limits=tree(cpu={})), name={}, **{"global": {}})
        image = "{{ with .Values.image }}{{ .tag }}@{{ .digest }}{{ end }}"
        self.assertEqual(self.unused(schema, image + "{{ .Values.name }}{{ toYaml .Values.resources }}"), [])

    def test_a_value_that_no_template_names_is_found(self) -> None:
        schema = tree(image=tree(tag={}, digest={}), name={})
        unused = self.unused(schema, "{{ .Values.image.tag }}{{ .Values.nameOverride }}")
        self.assertEqual(unused, ["image.digest", "name"])


if __name__ == "__main__":
    unittest.main()
