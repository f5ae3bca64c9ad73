import base64
import contextlib
import os
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from devenv import control_plane, workflows


class WorkflowsTest(unittest.TestCase):
    def test_the_file_to_source_is_read_back(self) -> None:
        with tempfile.TemporaryDirectory() as folder, mock.patch("devenv.paths.DEV", Path(folder)):
            self.assertEqual(workflows._written(), {})
            Path(folder, "env").write_text("export KUBECONFIG='/a b/kubeconfig'\nexport AWS_REGION=eu-central-1\n")
            self.assertEqual(workflows._written(), {"KUBECONFIG": "/a b/kubeconfig", "AWS_REGION": "eu-central-1"})

    def test_a_command_sees_our_aws_alone(self) -> None:
        with mock.patch.dict(os.environ, {"AWS_PROFILE": "production", "AWS_SESSION_TOKEN": "x", "LANG": "C"}):
            seen = workflows._with({"AWS_REGION": "eu-central-1"})
        self.assertEqual((seen.get("AWS_PROFILE"), seen.get("AWS_SESSION_TOKEN")), (None, None))
        self.assertEqual((seen["AWS_REGION"], seen["LANG"]), ("eu-central-1", "C"))

    def test_five_tests_run_at_a_time_unless_the_environment_says_otherwise(self) -> None:
        private: Any = mock.patch("devenv.environment.private", lambda _settings: contextlib.nullcontext((None, {})))
        tool = mock.patch.multiple("devenv.tools", kubectl=lambda: "kubectl", uv=lambda: "uv")
        for given, expected in (({}, "5"), ({"RUST_TEST_THREADS": "2"}, "2")):
            with self.subTest(given), private, tool, mock.patch.dict(os.environ, given):
                self.assertEqual(workflows.with_env(["sh", "-c", f'[ "$RUST_TEST_THREADS" = {expected} ]']), 0)

    def test_signing_keys_are_fresh_and_of_the_curve(self) -> None:
        keys = {control_plane.signing_key() for _ in range(2)}
        self.assertEqual(len(keys), 2)
        der = base64.b64decode("".join(keys.pop().splitlines()[1:-1]))
        self.assertEqual((der[0], der[1], len(der)), (0x30, len(der) - 2, 51))


if __name__ == "__main__":
    unittest.main()
