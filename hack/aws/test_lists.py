from __future__ import annotations

import base64
import hashlib
import json
import unittest
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from .testing import REGION, StrictTest, trust

if TYPE_CHECKING:
    from .records import Record

TAGS = {"team": "data"}
TAG_LIST = [{"Key": "team", "Value": "data"}]


class PageTest(StrictTest):
    def pages(self, operation: Callable[..., Record], members: str, token_in: str, token_out: str,
              **params: Any) -> list[int]:
        """The sizes of all pages."""
        sizes: list[int] = []
        token: Record = {}
        while True:
            page = operation(**params, **token)
            sizes.append(len(page[members]))
            if not page.get(token_out):
                return sizes
            token = {token_in: page[token_out]}

    def test_functions(self) -> None:
        awslambda = self.client("lambda")
        role = self.role("r", "lambda")
        for number in range(51):
            self.function(f"f{number}", role, wait=False)
        self.assertEqual(self.pages(awslambda.list_functions, "Functions", "Marker", "NextMarker"), [50, 1])
        self.assertEqual(self.pages(awslambda.list_functions, "Functions", "Marker", "NextMarker", MaxItems=40), [40, 11])

    def test_schedules_and_their_groups(self) -> None:
        scheduler, role = self.client("scheduler"), self.role("s", "scheduler")
        target = {"Arn": f"arn:aws:sqs:{REGION}:{self.account}:q", "RoleArn": role}
        for number in range(101):
            scheduler.create_schedule_group(Name=f"g{number}")
            scheduler.create_schedule(Name="s", GroupName=f"g{number}", ScheduleExpression="rate(1 hour)",
                                      FlexibleTimeWindow={"Mode": "OFF"}, Target=target, State="DISABLED")
        self.assertEqual(self.pages(scheduler.list_schedules, "Schedules", "NextToken", "NextToken"), [100, 1])
        # With the group that each account has.
        self.assertEqual(self.pages(scheduler.list_schedule_groups, "ScheduleGroups", "NextToken", "NextToken"), [100, 2])
        self.assertEqual(len(scheduler.list_schedules(GroupName="g7")["Schedules"]), 1)
        self.assertEqual(len(scheduler.list_schedule_groups(NamePrefix="g10")["ScheduleGroups"]), 2)

    def test_roles_parameters_log_groups_and_queues(self) -> None:
        iam, ssm, logs, sqs = (self.client(service) for service in ("iam", "ssm", "logs", "sqs"))
        for number in range(101):
            self.role(f"r{number}", "lambda", Path="/a/" if number % 2 else "/b/")
            ssm.put_parameter(Name=f"/a/{number}", Value="v", Type="String")
            logs.create_log_group(logGroupName=f"/aws/lambda/f{number}")
            sqs.create_queue(QueueName=f"q{number}")
        marker = ("Marker", "Marker")
        self.assertEqual(self.pages(iam.get_account_authorization_details, "RoleDetailList", *marker, Filter=["Role"]), [100, 1])
        self.assertEqual(self.pages(iam.list_roles, "Roles", *marker, PathPrefix="/a/", MaxItems=30), [30, 20])
        self.assertEqual(self.pages(ssm.describe_parameters, "Parameters", "NextToken", "NextToken"), [50, 50, 1])
        self.assertEqual(self.pages(logs.describe_log_groups, "logGroups", "nextToken", "nextToken"), [50, 50, 1])
        self.assertEqual(self.pages(sqs.list_queues, "QueueUrls", "NextToken", "NextToken", MaxResults=60), [60, 41])
        self.assertEqual(self.pages(sqs.list_queues, "QueueUrls", "NextToken", "NextToken"), [101])
        self.assertEqual(self.pages(sqs.list_queues, "QueueUrls", "NextToken", "NextToken", QueueNamePrefix="q10"), [2])

    def test_pages_that_are_too_large_are_refused(self) -> None:
        self.refused("ValidationException", self.client("scheduler").list_schedules, MaxResults=101)


class FieldTest(StrictTest):
    def test_functions_show_their_configuration_but_not_their_state(self) -> None:
        code = self.function("f", self.role("r", "lambda"), Environment={"Variables": {"AB": "c"}})
        [listed] = self.client("lambda").list_functions()["Functions"]
        got = self.client("lambda").get_function_configuration(FunctionName="f")
        self.assertEqual(listed["CodeSha256"], base64.b64encode(hashlib.sha256(code).digest()).decode())
        for key in ("RevisionId", "LastModified", "Environment", "Role", "Handler", "Timeout", "MemorySize"):
            self.assertEqual(listed[key], got[key], key)
        self.assertFalse({key for key in listed if key.startswith(("State", "LastUpdate"))})

    def test_schedules_show_when_they_changed_but_no_details(self) -> None:
        scheduler, role = self.client("scheduler"), self.role("s", "scheduler")
        arn = f"arn:aws:sqs:{REGION}:{self.account}:q"
        scheduler.create_schedule(Name="s", ScheduleExpression="rate(1 hour)", FlexibleTimeWindow={"Mode": "OFF"},
                                  Target={"Arn": arn, "RoleArn": role}, State="DISABLED")
        [listed] = scheduler.list_schedules()["Schedules"]
        self.assertEqual((listed["State"], listed["Target"]), ("DISABLED", {"Arn": arn}))
        self.assertEqual(listed["LastModificationDate"], scheduler.get_schedule(Name="s")["LastModificationDate"])
        self.assertNotIn("ScheduleExpression", listed)

    def test_roles_show_everything_at_once(self) -> None:
        iam = self.client("iam")
        boundary = iam.create_policy(PolicyName="b", PolicyDocument=self.document("*", "*"))["Policy"]["Arn"]
        self.role("r", "lambda", Path="/a/b/", PermissionsBoundary=boundary, Tags=[{"Key": "k", "Value": "v+w"}])
        iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=self.document("sqs:*", "*"))
        iam.attach_role_policy(RoleName="r", PolicyArn=boundary)
        [role] = iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]
        self.assertEqual(role["Path"], "/a/b/")
        self.assertEqual(role["Arn"], f"arn:aws:iam::{self.account}:role/a/b/r")
        self.assertEqual(role["AssumeRolePolicyDocument"], json.loads(trust("lambda.amazonaws.com")))
        self.assertEqual(role["RolePolicyList"], [{"PolicyName": "p", "PolicyDocument": json.loads(self.document("sqs:*", "*"))}])
        self.assertEqual(role["AttachedManagedPolicies"], [{"PolicyName": "b", "PolicyArn": boundary}])
        self.assertEqual(role["PermissionsBoundary"]["PermissionsBoundaryArn"], boundary)
        self.assertEqual(role["Tags"], [{"Key": "k", "Value": "v+w"}])
        [listed] = iam.list_roles()["Roles"]
        self.assertNotIn("Tags", listed)
        self.assertNotIn("PermissionsBoundary", listed)

    def test_documents_arrive_percent_encoded(self) -> None:
        self.role("r", "lambda")
        bodies = []
        iam = self.client("iam")
        iam.meta.events.register("before-parse.iam", lambda response_dict, **_: bodies.append(response_dict["body"].decode()))
        iam.get_account_authorization_details(Filter=["Role"])
        document = bodies[0].partition("<AssumeRolePolicyDocument>")[2].partition("<")[0]
        self.assertTrue(document.startswith("%7B%22Version%22%3A"), document)
        self.assertEqual(json.loads(unquote(document)), json.loads(trust("lambda.amazonaws.com")))

    def test_parameters_are_found_by_name_path_and_tag(self) -> None:
        ssm = self.client("ssm")
        ssm.put_parameter(Name="/a/b/one", Value="v", Type="SecureString", Tags=TAG_LIST)
        ssm.put_parameter(Name="/a/two", Value="v", Type="String")
        ssm.put_parameter(Name="/a/two", Value="w", Type="String", Overwrite=True)

        def found(**condition: Any) -> list[Any]:
            answer = ssm.describe_parameters(ParameterFilters=[condition])
            return [parameter["Name"] for parameter in answer["Parameters"]]

        self.assertEqual(found(Key="Name", Option="BeginsWith", Values=["/a/b"]), ["/a/b/one"])
        self.assertEqual(found(Key="Name", Values=["/a/two"]), ["/a/two"])
        self.assertEqual(found(Key="Path", Option="Recursive", Values=["/a"]), ["/a/b/one", "/a/two"])
        self.assertEqual(found(Key="Path", Values=["/a"]), ["/a/two"])
        self.assertEqual(found(Key="tag:team", Values=["data"]), ["/a/b/one"])
        [_, two] = ssm.describe_parameters()["Parameters"]
        self.assertEqual(two["Version"], 2)
        self.assertNotIn("Description", two)

    def test_mappings_of_all_functions_and_of_one(self) -> None:
        awslambda, sqs = self.client("lambda"), self.client("sqs")
        role = self.role("r", "lambda", policy=("sqs:*", "*"))
        for name in ("one", "two"):
            self.function(name, role)
            sqs.create_queue(QueueName=name)
            awslambda.create_event_source_mapping(FunctionName=name, EventSourceArn=f"arn:aws:sqs:{REGION}:{self.account}:{name}")
        self.assertEqual(len(awslambda.list_event_source_mappings()["EventSourceMappings"]), 2)
        [one] = awslambda.list_event_source_mappings(FunctionName="one")["EventSourceMappings"]
        self.assertTrue(one["FunctionArn"].endswith(":function:one"))
        by_queue = awslambda.list_event_source_mappings(EventSourceArn=one["EventSourceArn"])["EventSourceMappings"]
        self.assertEqual([mapping["UUID"] for mapping in by_queue], [one["UUID"]])


class TagSearchTest(StrictTest):
    def make(self) -> dict[str, Any]:
        role = self.role("r", "lambda", policy=("sqs:*", "*"), Tags=TAG_LIST)
        self.client("sqs").create_queue(QueueName="q", tags=TAGS)
        self.function("f", role, Tags=TAGS)
        mapping = self.client("lambda").create_event_source_mapping(
            FunctionName="f", EventSourceArn=f"arn:aws:sqs:{REGION}:{self.account}:q", Tags=TAGS)
        self.client("logs").create_log_group(logGroupName="/aws/lambda/f", tags=TAGS)
        self.client("scheduler").create_schedule_group(Name="g", Tags=TAG_LIST)
        self.client("ssm").put_parameter(Name="/p", Value="v", Type="String", Tags=TAG_LIST)
        self.client("sqs").create_queue(QueueName="untagged")
        return {
            "lambda:function": f"arn:aws:lambda:{REGION}:{self.account}:function:f",
            "lambda:event-source-mapping": mapping["EventSourceMappingArn"],
            "sqs:queue": f"arn:aws:sqs:{REGION}:{self.account}:q",
            "logs:log-group": f"arn:aws:logs:{REGION}:{self.account}:log-group:/aws/lambda/f",
            "scheduler:schedule-group": f"arn:aws:scheduler:{REGION}:{self.account}:schedule-group/g",
            "ssm:parameter": f"arn:aws:ssm:{REGION}:{self.account}:parameter/p",
        }

    def found(self, **params: Any) -> list[Any]:
        answer = self.client("resourcegroupstaggingapi").get_resources(**params)
        return sorted(resource["ResourceARN"] for resource in answer["ResourceTagMappingList"])

    def test_every_kind_is_found_by_tag_and_by_type_but_roles_are_not(self) -> None:
        arns = self.make()
        self.assertEqual(self.found(TagFilters=[{"Key": "team", "Values": ["data", "other"]}]), sorted(arns.values()))
        self.assertEqual(self.found(TagFilters=[{"Key": "team", "Values": ["other"]}]), [])
        for kind, arn in arns.items():
            self.assertEqual(self.found(ResourceTypeFilters=[kind]), [arn], kind)
        self.assertEqual(self.found(ResourceTypeFilters=["lambda"]),
                         sorted([arns["lambda:function"], arns["lambda:event-source-mapping"]]))

    def test_a_page_may_be_short_with_more_to_come(self) -> None:
        arns = self.make()
        tagging = self.client("resourcegroupstaggingapi")
        found, pages, token = [], 0, ""
        while True:
            page = tagging.get_resources(ResourceTypeFilters=["ssm:parameter"], ResourcesPerPage=1, PaginationToken=token)
            found += [resource["ResourceARN"] for resource in page["ResourceTagMappingList"]]
            pages, token = pages + 1, page["PaginationToken"]
            if not token:
                break
        self.assertEqual((found, pages), ([arns["ssm:parameter"]], len(arns)))

    def test_the_index_is_behind(self) -> None:
        self.settings(tagIndexDelaySeconds=1)
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName="q", tags=TAGS)["QueueUrl"]
        self.assertEqual(self.found(), [])
        self.eventually(self.found, "the queue")
        sqs.delete_queue(QueueUrl=url)
        self.assertEqual(len(self.found()), 1)
        self.eventually(lambda: not self.found(), "the end of the queue")


class LagTest(StrictTest):
    def test_lists_are_behind_what_single_reads_say(self) -> None:
        self.settings(listDelaySeconds=1)
        logs, iam = self.client("logs"), self.client("iam")
        logs.create_log_group(logGroupName="/a")
        self.assertEqual(logs.list_tags_for_resource(resourceArn=f"arn:aws:logs:{REGION}:{self.account}:log-group:/a")["tags"], {})
        self.assertEqual(logs.describe_log_groups()["logGroups"], [])
        self.eventually(lambda: logs.describe_log_groups()["logGroups"], "the log group")
        self.role("r", "lambda")
        iam.get_role(RoleName="r")
        self.assertEqual(iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"], [])
        self.eventually(lambda: iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"], "the role")
        iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=self.document("sqs:*", "*"))
        [role] = iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]
        self.assertEqual(role["RolePolicyList"], [])


if __name__ == "__main__":
    unittest.main()
