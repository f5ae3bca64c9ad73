"""Prints as JSON every resource of the account of the kinds that pipelines are made of: `[["queue", "…"], …]`."""

import json

import boto3


def main() -> None:
    found: list[tuple[str, str]] = []
    for kind, service, operation, key, name in (
        ("schedule group", "scheduler", "list_schedule_groups", "ScheduleGroups", "Name"),
        ("schedule", "scheduler", "list_schedules", "Schedules", "Name"),
        ("function", "lambda", "list_functions", "Functions", "FunctionName"),
        ("event source mapping", "lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
        ("queue", "sqs", "list_queues", "QueueUrls", None),
        ("role", "iam", "list_roles", "Roles", "RoleName"),
        ("log group", "logs", "describe_log_groups", "logGroups", "logGroupName"),
        ("parameter", "ssm", "describe_parameters", "Parameters", "Name"),
    ):
        for page in boto3.client(service).get_paginator(operation).paginate():
            found.extend((kind, item[name] if name else item.rsplit("/", 1)[-1]) for item in page.get(key, []))
    # Each account has these from the start.
    own = {("schedule group", "default")}
    print(json.dumps([item for item in found if item not in own and not item[1].startswith("AWSServiceRole")]))


if __name__ == "__main__":
    main()
