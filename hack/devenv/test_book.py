import io
import json
import unittest
from unittest import mock

from devenv import book

BLOB = "https://github.com/task-pipelines/task-pipelines/blob/main/"


class BookTest(unittest.TestCase):
    def test_links_out_of_the_pages_lead_to_the_repository(self) -> None:
        text = "[a](../CONTRIBUTING.md#style) [b](plan.md) [c](https://example.com/../d) [e](../charts/x.yaml)"
        expected = f"[a]({BLOB}CONTRIBUTING.md#style) [b](plan.md) [c](https://example.com/../d) [e]({BLOB}charts/x.yaml)"
        self.assertEqual(book.outside(text, ""), expected)
        self.assertEqual(book.outside("[a](../plan.md) [b](../../README.md)", "more"), f"[a](../plan.md) [b]({BLOB}README.md)")

    def test_the_book_comes_back_whole(self) -> None:
        chapter = {"name": "A", "content": "[a](../LICENSE)", "path": "a.md", "sub_items": []}
        pages = {"items": [{"Chapter": chapter}, "Separator", {"PartTitle": "Part"}]}
        given = mock.patch("sys.stdin", io.StringIO(json.dumps([{}, pages])))
        with given, mock.patch("sys.argv", ["book.py"]), mock.patch("sys.stdout", io.StringIO()) as written:
            self.assertEqual(book.main(), 0)
        back = json.loads(written.getvalue())
        self.assertEqual(back["items"][0]["Chapter"]["content"], f"[a]({BLOB}LICENSE)")
        self.assertEqual(back["items"][1:], ["Separator", {"PartTitle": "Part"}])


if __name__ == "__main__":
    unittest.main()
