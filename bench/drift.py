"""Changes a queue by hand, and prints after how many seconds somebody has put it right.

Run with the environment's Python and AWS variables: `drift.py SECONDS`, which is how long it waits at most.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import boto3

SQS = boto3.client("sqs")
ATTRIBUTE = "MessageRetentionPeriod"
POLL_SECONDS = 0.1


def main() -> None:
    pages = SQS.get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 1000})
    url = next(url for page in pages for url in page["QueueUrls"] if url.endswith("-tasks"))
    before, started = _read(url), time.monotonic()
    SQS.set_queue_attributes(QueueUrl=url, Attributes={ATTRIBUTE: "60"})
    while _read(url) != before:
        if time.monotonic() - started > int(sys.argv[1]):
            sys.exit(f"nobody puts {url} right within {sys.argv[1]} s")
        time.sleep(POLL_SECONDS)
    print(time.monotonic() - started)


def _read(url: str) -> Any:
    return SQS.get_queue_attributes(QueueUrl=url, AttributeNames=[ATTRIBUTE])["Attributes"][ATTRIBUTE]


if __name__ == "__main__":
    main()
