import json
import tempfile
import unittest
from pathlib import Path

from devenv import schemas
from devenv.console import Failure


class SchemasTest(unittest.TestCase):
    def test_links_lead_from_file_to_file(self) -> None:
        link = {"$ref": "/api/_definitions.json#/$defs/Meta", "type": "object"}
        for order in ("first", "last"):
            schema = {"properties": {"metadata": link}, "type": "object"}
            named = {"$id": "https://kubernetes.io/api/x"}
            text = json.dumps({**named, **schema} if order == "first" else {**schema, **named}, indent=2)
            told = json.loads(schemas.relative(text))
            self.assertNotIn("$id", told)
            self.assertEqual(told["properties"]["metadata"]["$ref"], "_definitions.json#/$defs/Meta")

    def test_a_version_that_is_not_there_is_named(self) -> None:
        with tempfile.TemporaryDirectory() as folder, self.assertRaisesRegex(Failure, "no schemas of v1.2.0"):
            schemas.write(Path(folder), "v1.2.0", Path(folder))


if __name__ == "__main__":
    unittest.main()
