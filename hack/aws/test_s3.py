from __future__ import annotations

import base64
import hashlib
import io
import itertools
import os
import unittest
import zipfile
from typing import Any

from .testing import REGION, StrictTest

_numbers = itertools.count(1)


def packed(size: int) -> bytes:
    """A layer's zip of so many bytes that cannot be compressed."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("python/data.bin", os.urandom(size))
    return content.getvalue()


class BucketTest(StrictTest):
    def setUp(self) -> None:
        super().setUp()
        self.s3, self.lambda_ = self.client("s3"), self.client("lambda")
        # Names of buckets are those of all accounts.
        self.bucket = f"layers-{self.account}-{next(_numbers)}"
        self.make(self.bucket)

    def make(self, bucket: str, region: str = REGION) -> None:
        self.client("s3", region=region).create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})

    def put(self, **changes: Any) -> Any:
        return self.s3.put_object(**{"Bucket": self.bucket, "Key": "a/layer.zip", "Body": b"x", **changes})

    def publish(self, **changes: Any) -> Any:
        content = {"S3Bucket": self.bucket, "S3Key": "a/layer.zip", **changes}
        return self.lambda_.publish_layer_version(LayerName="a", Content=content)

    def test_a_bucket_of_another_account_than_expected_is_denied(self) -> None:
        self.put(ExpectedBucketOwner=self.account)
        other = "999999999999"
        self.refused("AccessDenied", self.s3.put_object, Bucket=self.bucket, Key="k", Body=b"x", ExpectedBucketOwner=other)
        self.refused("AccessDenied", self.s3.delete_object, Bucket=self.bucket, Key="a/layer.zip", ExpectedBucketOwner=other)
        self.assertEqual(self.s3.get_object(Bucket=self.bucket, Key="a/layer.zip")["Body"].read(), b"x")

    def test_a_bucket_that_is_missing_or_elsewhere_is_refused(self) -> None:
        self.refused("NoSuchBucket", self.s3.delete_object, Bucket=f"{self.bucket}-none", Key="k")
        elsewhere = f"{self.bucket}-elsewhere"
        self.make(elsewhere, "us-west-2")
        # boto3 then asks in the region that it is told.
        self.s3.delete_object(Bucket=elsewhere, Key="k")
        errors = [call["error"] for call in self.calls(operation="DeleteObject")]
        self.assertEqual(errors, ["NoSuchBucket", "PermanentRedirect", ""])

    def test_an_object_is_what_its_hash_says(self) -> None:
        digest = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
        self.put(ChecksumSHA256=digest)
        self.refused("BadDigest", self.s3.put_object, Bucket=self.bucket, Key="b", Body=b"y", ChecksumSHA256=digest)

    def test_a_layer_is_published_from_an_object_that_is_too_large_for_a_call(self) -> None:
        content = packed(51 * 1024 * 1024)
        self.refused("RequestEntityTooLargeException", self.lambda_.publish_layer_version, LayerName="a",
                     Content={"ZipFile": content})
        self.put(Body=content)
        published = self.publish()["Content"]
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        self.assertEqual((published["CodeSize"], published["CodeSha256"]), (len(content), digest))

    def test_a_layer_of_more_than_250_mb_unzipped_is_refused(self) -> None:
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("python/zeros.bin", bytes(250 * 1024 * 1024 + 1))
        self.put(Body=body.getvalue())
        operation = self.lambda_.publish_layer_version
        message = self.refused("InvalidParameterValueException", operation, LayerName="a",
                               Content={"S3Bucket": self.bucket, "S3Key": "a/layer.zip"})
        self.assertEqual(message, "Unzipped size must be smaller than 262144000 bytes")

    def test_what_is_not_there_is_no_layer(self) -> None:
        operation = self.lambda_.publish_layer_version
        for bucket, code in ((self.bucket, "NoSuchKey"), (f"{self.bucket}-none", "NoSuchBucket")):
            message = self.refused("InvalidParameterValueException", operation, LayerName="a",
                                   Content={"S3Bucket": bucket, "S3Key": "none.zip"})
            self.assertIn(f"S3 Error Code: {code}.", message)

    def test_who_publishes_a_layer_must_be_allowed_to_read_its_object(self) -> None:
        self.put(Body=packed(10))
        iam = self.client("iam")
        iam.create_user(UserName="u")
        key = iam.create_access_key(UserName="u")["AccessKey"]
        user = {service: self.client(service, key["AccessKeyId"], key["SecretAccessKey"]) for service in ("lambda", "s3")}
        publish: dict[str, Any] = {"LayerName": "a", "Content": {"S3Bucket": self.bucket, "S3Key": "a/layer.zip"}}
        iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=self.document(["lambda:*", "s3:PutObject"], "*"))
        message = self.refused("AccessDeniedException", user["lambda"].publish_layer_version, **publish)
        self.assertIn(f"s3:GetObject on resource: arn:aws:s3:::{self.bucket}/a/layer.zip", message)
        self.refused("AccessDenied", user["s3"].delete_object, Bucket=self.bucket, Key="a/layer.zip")
        user["s3"].put_object(Bucket=self.bucket, Key="a/other.zip", Body=b"x")
        iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=self.document(
            ["lambda:*", "s3:GetObject", "s3:DeleteObject"], ["*", f"arn:aws:s3:::{self.bucket}/a/*"]))
        user["lambda"].publish_layer_version(**publish)
        user["s3"].delete_object(Bucket=self.bucket, Key="a/layer.zip")


if __name__ == "__main__":
    unittest.main()
