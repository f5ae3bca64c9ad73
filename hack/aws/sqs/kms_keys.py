"""Queues that are encrypted with a customer-managed KMS key: senders and receivers need permissions on the key as well.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
"""

from __future__ import annotations

from ministack.services import sqs

from ..permissions import Permission

ACTIONS = {"sqs:SendMessage": ("GenerateDataKey", "Decrypt"), "sqs:ReceiveMessage": ("Decrypt",)}


def required(action: str, queue_arn: str) -> list[Permission]:
    """What an action on a queue requires of its key; nothing for keys that AWS manages, which are open to all."""
    queue = sqs._queue_by_arn(queue_arn) if action in ACTIONS else None
    key = queue["attributes"].get("KmsMasterKeyId", "") if queue else ""
    if ":key/" not in key:
        return []
    context = {"kms:ViaService": f"sqs.{queue_arn.split(':')[3]}.amazonaws.com"}
    return [Permission(f"kms:{each}", key, context) for each in ACTIONS[action]]
