from __future__ import annotations

import http.server
import json
import tempfile
import threading
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from devenv import monitoring
from devenv.console import Failure

SAMPLE = Path(__file__).with_name("metrics_sample.txt").read_text()


def selector(name: str, **equals: Any) -> dict[str, Any]:
    labels = {**equals, "__name__": name}
    matchers = [{"name": label, "type": "=", "value": value} for label, value in labels.items()]
    return {"type": "vectorSelector", "name": name, "matchers": matchers}


class MissingTest(unittest.TestCase):
    def missing(self, tree: dict[str, Any], labels: set[str] | None = None, **found: Any) -> list[str]:
        return list(monitoring.missing(tree, labels or set(), found))

    def test_metrics_and_labels_that_are_there_are_not_missed(self) -> None:
        tree = {"type": "aggregation", "grouping": ["name"], "expr": selector("up", kind="A")}
        self.assertEqual(self.missing(tree, up={"name": {"x"}, "kind": {"A", "B"}}), [])
        self.assertEqual(self.missing(selector("task_pipelines_drift_total", field="x"), {"kind"}), [])
        self.assertEqual(self.missing(selector("up", job="x"), up={}), [])

    def test_what_is_not_there_is_named(self) -> None:
        self.assertEqual(self.missing(selector("down"), up={}), ["there is no metric down"])
        matching = {"on": True, "labels": ["name"]}
        tree = {"type": "binaryExpr", "matching": matching, "lhs": selector("up"), "rhs": selector("up", x="1")}
        self.assertEqual(self.missing(tree, {"y"}, up={"y": {"1"}}),
                         ["up has no label name, but y", "up has no label name, x, but y"])
        self.assertEqual(self.missing(selector("up", kind="A"), up={"kind": {"B"}}), ['up has no kind="A", but B'])


class DashboardTest(unittest.TestCase):
    def test_panels_have_numbers_and_places_of_their_own(self) -> None:
        panels = json.loads(monitoring.DASHBOARD.read_text())["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        taken: set[tuple[int, int]] = set()
        for panel in panels:
            place = panel["gridPos"]
            columns, rows = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
            cells = {(column, row) for column in columns for row in rows}
            self.assertLessEqual(columns.stop, 24, panel["title"])
            self.assertFalse(cells & taken, f"{panel['title']} lies on another panel")
            taken |= cells

    def test_every_panel_asks_the_chosen_data_source(self) -> None:
        for panel in json.loads(monitoring.DASHBOARD.read_text())["panels"]:
            for target in panel.get("targets", []):
                self.assertEqual(target["datasource"]["uid"], "${datasource}", panel["title"])
                self.assertTrue("$namespace" in target["expr"] or "$job" in target["expr"], panel["title"])

    def test_expressions_come_with_what_is_shown_of_them(self) -> None:
        variable = {"type": "query", "name": "job", "query": {"query": 'label_values(up{a="b"}, job)'}}
        target = {"expr": "rate(up[$__rate_interval])", "legendFormat": "{{a}} {{b}}"}
        panels = [{"title": "Up", "targets": [target]}]
        text = json.dumps({"templating": {"list": [variable]}, "panels": panels})
        self.assertEqual(list(monitoring.dashboard_expressions(text)),
                         [("variable job", 'up{a="b"}', {"job"}), ("panel Up", "rate(up[1m])", {"a", "b"})])


class Metrics(http.server.BaseHTTPRequestHandler):
    text = SAMPLE

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(self.text.encode())

    def log_message(self, *arguments: str | Path) -> None:
        pass


class ScrapeTest(unittest.TestCase):
    def check(self, text: str) -> None:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Metrics)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(Metrics, "text", text):
            monitoring.check(f"127.0.0.1:{server.server_port}", Path(folder))

    def test_the_contract_has_what_alerts_and_dashboard_ask_for(self) -> None:
        self.check(SAMPLE)

    def test_what_an_operator_does_not_tell_is_named_with_who_asks_for_it(self) -> None:
        with self.assertRaises(Failure) as failure:
            self.check(SAMPLE.replace("task_pipelines_dead_letters", "dead").replace('controller="', 'by="'))
        message = str(failure.exception)
        self.assertIn("alert DeadLetterNotEmpty: there is no metric task_pipelines_dead_letters", message)
        self.assertIn("panel Workers: controller_runtime_active_workers has no label controller, but by", message)


if __name__ == "__main__":
    unittest.main()
