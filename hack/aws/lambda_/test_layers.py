from __future__ import annotations

import io
import unittest
import zipfile
from typing import Any

from ..testing import StrictTest


def packed(name: str = "python/greeting.py", code: str = "TEXT = 'hello'\n") -> bytes:
    """A layer's zip."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, code)
    return content.getvalue()


class LayerTest(StrictTest):
    def setUp(self) -> None:
        super().setUp()
        self.lambda_ = self.client("lambda")

    def publish(self, name: str = "a", **changes: Any) -> Any:
        params = {"LayerName": name, "Content": {"ZipFile": packed()}, "CompatibleRuntimes": ["python3.13"], **changes}
        return self.lambda_.publish_layer_version(**params)

    def test_each_publication_is_a_version_and_what_is_deleted_is_listed_no_more(self) -> None:
        versions = [self.publish(Description=f"d{number}")["Version"] for number in range(3)]
        self.assertEqual(versions, [1, 2, 3])
        self.lambda_.delete_layer_version(LayerName="a", VersionNumber=3)
        listed = self.lambda_.list_layer_versions(LayerName="a")["LayerVersions"]
        self.assertEqual([version["Description"] for version in listed], ["d1", "d0"])
        latest = self.lambda_.list_layers()["Layers"][0]["LatestMatchingVersion"]
        self.assertEqual((latest["Version"], latest["LayerVersionArn"].rsplit(":", 2)[1:]), (2, ["a", "2"]))
        self.assertEqual(self.publish()["Version"], 4, "a number is never used again")

    def test_lists_come_in_pages(self) -> None:
        for _ in range(3):
            self.publish()
        self.publish("b")
        pages = self.lambda_.get_paginator("list_layer_versions").paginate(LayerName="a", PaginationConfig={"PageSize": 2})
        self.assertEqual([[it["Version"] for it in page["LayerVersions"]] for page in pages], [[3, 2], [1]])
        pages = self.lambda_.get_paginator("list_layers").paginate(PaginationConfig={"PageSize": 1})
        self.assertEqual([page["Layers"][0]["LayerName"] for page in pages], ["a", "b"])
        self.assertEqual(self.lambda_.list_layer_versions(LayerName="none")["LayerVersions"], [])

    def test_what_aws_refuses(self) -> None:
        for changes, code in (
            ({"Description": "x" * 257}, "ValidationException"),
            ({"CompatibleRuntimes": ["python9.9"]}, "ValidationException"),
            ({"LayerName": "a b"}, "ValidationException"),
            ({"Content": {"ZipFile": b"no zip"}}, "InvalidParameterValueException"),
        ):
            with self.subTest(changes.keys()):
                self.refused(code, self.lambda_.publish_layer_version,
                             **{"LayerName": "a", "Content": {"ZipFile": packed()}, **changes})

    def test_a_function_has_what_its_layers_hold(self) -> None:
        layer = self.publish()["LayerVersionArn"]
        code = "import greeting\n\ndef handler(event, context):\n    return greeting.TEXT\n"
        self.function("f", self.role("r", "lambda"), code, Layers=[layer])
        self.assertEqual(self.lambda_.invoke(FunctionName="f")["Payload"].read(), b'"hello"')
        self.refused("InvalidParameterValueException", self.lambda_.update_function_configuration, FunctionName="f",
                     Layers=[f"{layer}9"])

    def test_whoever_gives_a_function_a_layer_must_be_allowed_to_read_it(self) -> None:
        layer = self.publish()["LayerVersionArn"]
        self.function("f", self.role("r", "lambda"))
        iam = self.client("iam")
        iam.create_user(UserName="u")
        key = iam.create_access_key(UserName="u")["AccessKey"]
        iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=self.document(["lambda:Update*"], "*"))
        user = self.client("lambda", key["AccessKeyId"], key["SecretAccessKey"])
        message = self.refused("AccessDeniedException", user.update_function_configuration, FunctionName="f", Layers=[layer])
        self.assertIn(f"lambda:GetLayerVersion on resource: {layer}", message)


if __name__ == "__main__":
    unittest.main()
