"""Buckets: whose they are, and what Lambda finds in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ministack.services import s3

from .rules import Refused, before

if TYPE_CHECKING:
    from .calls import Call


@before("s3", "PutObject", "DeleteObject", "GetObject")
def _check_owner(call: Call) -> None:
    """A bucket of another account than the caller expects: the emulator does not read that header."""
    if call.wire is None:
        return
    expected = call.wire.headers.get("x-amz-expected-bucket-owner")
    owner = s3._bucket_owner_account(call.wire.path.split("/")[1])
    if expected and owner not in (None, expected):
        raise Refused(403, "AccessDenied", "Access Denied")


@before("lambda", "PublishLayerVersion")
def _check_object(call: Call) -> None:
    """The emulator publishes a layer of nothing where there is no object."""
    content = call.params.get("Content") or {}
    bucket, key = content.get("S3Bucket"), content.get("S3Key")
    if not bucket or not key or s3._get_object_data(bucket, key, version_id=content.get("S3ObjectVersion")) is not None:
        return
    code, message = ("NoSuchBucket", "The specified bucket does not exist") if s3._bucket_owner_account(bucket) is None else (
        "NoSuchKey", "The specified key does not exist.")
    raise Refused(400, "InvalidParameterValueException",
                  f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}")
