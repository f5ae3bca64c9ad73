from __future__ import annotations

import contextlib
import json
import unittest
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .testing import REGION, Key, StrictTest, trust

if TYPE_CHECKING:
    from .records import Record

FLEXIBLE = {"Mode": "OFF"}


def statement(action: str | list[str], resource: str, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def policy(*statements: Record) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


class AccessTest(StrictTest):
    def setUp(self) -> None:
        super().setUp()
        self.iam = self.client("iam")

    def user(self, name: str, *statements: Record, managed: bool = False) -> Key:
        """An access key of a user with these statements."""
        self.iam.create_user(UserName=name)
        if managed:
            arn = self.iam.create_policy(PolicyName=f"{name}-policy", PolicyDocument=policy(*statements))["Policy"]["Arn"]
            self.iam.attach_user_policy(UserName=name, PolicyArn=arn)
        elif statements:
            self.iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy(*statements))
        made = self.iam.create_access_key(UserName=name)["AccessKey"]
        return {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"]}

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{'' if service == 'iam' else REGION}:{self.account}:{resource}"


class UserTest(AccessTest):
    def test_a_user_may_what_its_policies_allow_and_acts_in_its_account(self) -> None:
        for managed in (False, True):
            with self.subTest(managed=managed):
                name = f"u{managed}"
                key = self.user(name, statement("sqs:CreateQueue", self.arn("sqs", "ours-*")), managed=managed)
                sqs = self.client("sqs", **key)
                sqs.create_queue(QueueName=f"ours-{name}")
                self.assertIn(f"ours-{name}", "".join(self.client("sqs").list_queues()["QueueUrls"]))
                message = self.refused("AccessDenied", sqs.create_queue, QueueName="theirs")
                self.assertEqual(message, f"User: {self.arn('iam', f'user/{name}')} is not authorized to perform: "
                                 f"sqs:createqueue on resource: {self.arn('sqs', 'theirs')} because no identity-based "
                                 "policy allows the sqs:createqueue action")

    def test_an_explicit_deny_wins(self) -> None:
        key = self.user("u", statement("ssm:*", "*"), statement("ssm:GetParameter", self.arn("ssm", "parameter/a/*"), "Deny"))
        ssm = self.client("ssm", **key)
        ssm.put_parameter(Name="/a/b", Value="v", Type="String")
        message = self.refused("AccessDeniedException", ssm.get_parameter, Name="/a/b")
        self.assertTrue(message.endswith("with an explicit deny in an identity-based policy"), message)

    def test_each_service_denies_with_its_own_code(self) -> None:
        key = self.user("u")
        for service, operation, params, code in (
            ("iam", "list_roles", {}, "AccessDenied"),
            ("sqs", "list_queues", {}, "AccessDenied"),
            ("lambda", "get_function", {"FunctionName": "f"}, "AccessDeniedException"),
            ("scheduler", "get_schedule", {"Name": "s"}, "AccessDeniedException"),
            ("ssm", "describe_parameters", {}, "AccessDeniedException"),
            ("logs", "describe_log_groups", {}, "AccessDeniedException"),
            ("resourcegroupstaggingapi", "get_resources", {}, "AccessDeniedException"),
            ("s3", "list_buckets", {}, "AccessDenied"),
        ):
            with self.subTest(service):
                self.refused(code, getattr(self.client(service, **key), operation), **params)

    def test_who_one_is_may_always_be_asked(self) -> None:
        identity = self.client("sts", **self.user("u")).get_caller_identity()
        self.assertEqual((identity["Account"], identity["Arn"]), (self.account, self.arn("iam", "user/u")))

    def test_a_key_that_is_gone_is_nobody_s(self) -> None:
        key = self.user("u", statement("*", "*"))
        self.iam.update_access_key(UserName="u", AccessKeyId=key["key"], Status="Inactive")
        self.refused("UnrecognizedClientException", self.client("sqs", **key).list_queues)
        self.iam.delete_access_key(UserName="u", AccessKeyId=key["key"])
        self.refused("UnrecognizedClientException", self.client("lambda", **key).list_functions)
        self.refused("InvalidClientTokenId", self.client("iam", **key).list_roles)


class ResourceTest(AccessTest):
    def test_calls_need_the_actions_and_resources_of_the_service_authorization_reference(self) -> None:
        role = self.role("r", "lambda", policy=("*", "*"), Path="/a/b/")
        scheduler_role = self.role("s", "scheduler", policy=("*", "*"))
        self.control("DELETE", "calls")
        tags, tag_list = {"k": "v"}, [{"Key": "k", "Value": "v"}]
        sqs, ssm, logs, awslambda = (self.client(service) for service in ("sqs", "ssm", "logs", "lambda"))
        scheduler = self.client("scheduler")
        queue = sqs.create_queue(QueueName="q", tags=tags)["QueueUrl"]
        sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": "1", "MessageBody": "m"}])
        ssm.put_parameter(Name="/a/b", Value="v", Type="String", Tags=tag_list)
        ssm.get_parameters(Names=["/a/b", "c"])
        logs.create_log_group(logGroupName="/aws/lambda/f", tags=tags)
        logs.list_tags_for_resource(resourceArn=self.arn("logs", "log-group:/aws/lambda/f"))
        self.function("f", role, Tags=tags, wait=False)
        mapping = awslambda.create_event_source_mapping(FunctionName="f", EventSourceArn=self.arn("sqs", "q"), Tags=tags)
        scheduler.create_schedule_group(Name="g", Tags=tag_list)
        scheduler.create_schedule(Name="s", GroupName="g", ScheduleExpression="rate(1 day)", FlexibleTimeWindow=FLEXIBLE,
                                  State="DISABLED", Target={"Arn": self.arn("lambda", "function:f"), "RoleArn": scheduler_role})
        scheduler.delete_schedule_group(Name="g")
        self.iam.create_role(RoleName="t", Path="/p/", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"), Tags=tag_list)
        self.iam.list_roles(PathPrefix="/p/")
        self.iam.get_account_authorization_details(Filter=["Role"])
        esm = self.arn("lambda", "event-source-mapping:*")
        function, group = self.arn("lambda", "function:f"), self.arn("scheduler", "schedule-group/g")
        needed = [[tuple(action) for action in call["actions"]] for call in self.calls(by="operator")]
        self.assertEqual(needed, [
            [("sqs:CreateQueue", self.arn("sqs", "q")), ("sqs:TagQueue", self.arn("sqs", "q"))],
            [("sqs:SendMessage", self.arn("sqs", "q"))],
            [("ssm:PutParameter", self.arn("ssm", "parameter/a/b")), ("ssm:AddTagsToResource", self.arn("ssm", "parameter/a/b"))],
            [("ssm:GetParameters", self.arn("ssm", "parameter/a/b")), ("ssm:GetParameters", self.arn("ssm", "parameter/c"))],
            [("logs:CreateLogGroup", self.arn("logs", "log-group:/aws/lambda/f:log-stream:")),
             ("logs:TagResource", self.arn("logs", "log-group:/aws/lambda/f"))],
            [("logs:ListTagsForResource", self.arn("logs", "log-group:/aws/lambda/f"))],
            [("lambda:CreateFunction", function), ("iam:PassRole", role), ("lambda:TagResource", function)],
            [("lambda:CreateEventSourceMapping", "*"), ("lambda:TagResource", esm)],
            [("scheduler:CreateScheduleGroup", group), ("scheduler:TagResource", group)],
            [("scheduler:CreateSchedule", self.arn("scheduler", "schedule/g/s")), ("iam:PassRole", scheduler_role)],
            [("scheduler:DeleteScheduleGroup", group), ("scheduler:DeleteSchedule", self.arn("scheduler", "schedule/g/*"))],
            [("iam:CreateRole", self.arn("iam", "role/p/t")), ("iam:TagRole", self.arn("iam", "role/p/t"))],
            [("iam:ListRoles", self.arn("iam", "role/p/"))],
            [("iam:GetAccountAuthorizationDetails", "*")],
        ])
        self.assertTrue(mapping["UUID"])

    def test_a_log_group_needs_the_form_with_a_star_for_all_but_its_tags(self) -> None:
        arn = self.arn("logs", "log-group:/g")
        key = self.user("short", statement(["logs:CreateLogGroup", "logs:ListTagsForResource"], arn))
        self.refused("AccessDeniedException", self.client("logs", **key).create_log_group, logGroupName="/g")
        key = self.user("long", statement(["logs:CreateLogGroup", "logs:ListTagsForResource"], f"{arn}:*"))
        self.client("logs", **key).create_log_group(logGroupName="/g")
        self.refused("AccessDeniedException", self.client("logs", **key).list_tags_for_resource, resourceArn=arn)

    def test_tags_at_creation_need_the_tagging_action_too(self) -> None:
        key = self.user("u", statement("scheduler:CreateScheduleGroup", "*"))
        scheduler = self.client("scheduler", **key)
        scheduler.create_schedule_group(Name="plain")
        message = self.refused("AccessDeniedException", scheduler.create_schedule_group, Name="tagged",
                               Tags=[{"Key": "k", "Value": "v"}])
        self.assertIn("scheduler:TagResource", message)


class ConditionTest(AccessTest):
    def test_a_role_is_passed_to_the_services_named_only(self) -> None:
        lambda_role, scheduler_role = self.role("l", "lambda"), self.role("s", "scheduler")
        passed = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
        key = self.user("u", statement(["lambda:*", "scheduler:*"], "*"), statement("iam:PassRole", "*", Condition=passed))
        self.client("lambda", **key).create_function(FunctionName="f", Runtime="provided.al2023", Handler="h", Role=lambda_role,
                                                     Code={"ZipFile": self.function("g", lambda_role)})
        message = self.refused(
            "AccessDeniedException", self.client("scheduler", **key).create_schedule, Name="s", ScheduleExpression="rate(1 day)",
            FlexibleTimeWindow=FLEXIBLE, Target={"Arn": self.arn("lambda", "function:f"), "RoleArn": scheduler_role})
        self.assertIn(f"iam:PassRole on resource: {scheduler_role}", message)

    def test_a_boundary_can_be_demanded(self) -> None:
        boundary = self.iam.create_policy(PolicyName="b", PolicyDocument=policy(statement("*", "*")))["Policy"]["Arn"]
        bound = {"StringEquals": {"iam:PermissionsBoundary": boundary}}
        key = self.user("u", statement(["iam:CreateRole", "iam:PutRolePolicy"], "*", Condition=bound))
        iam = self.client("iam", **key)
        self.refused("AccessDenied", iam.create_role, RoleName="r", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
        iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"), PermissionsBoundary=boundary)
        iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=policy(statement("sqs:*", "*")))
        self.role("unbound", "lambda")
        self.refused("AccessDenied", iam.put_role_policy, RoleName="unbound", PolicyName="p",
                     PolicyDocument=policy(statement("sqs:*", "*")))

    def test_tags_of_requests_and_resources(self) -> None:
        key = self.user(
            "u", statement(["sqs:CreateQueue", "sqs:TagQueue"], "*", Condition={
                "StringEquals": {"aws:RequestTag/team": "data"}, "ForAllValues:StringLike": {"aws:TagKeys": ["team", "x-*"]}}),
            statement("sqs:DeleteQueue", "*", Condition={"StringEquals": {"aws:ResourceTag/team": "data"}}),
            statement("sqs:GetQueueUrl", "*", Condition={"Null": {"aws:ResourceTag/team": "true"}}))
        sqs, root = self.client("sqs", **key), self.client("sqs")
        url = sqs.create_queue(QueueName="ours", tags={"team": "data", "x-1": "y"})["QueueUrl"]
        for tags in ({}, {"team": "web"}, {"team": "data", "other": "y"}):
            self.refused("AccessDenied", sqs.create_queue, QueueName="theirs", tags=tags)
        theirs = root.create_queue(QueueName="theirs")["QueueUrl"]
        self.refused("AccessDenied", sqs.delete_queue, QueueUrl=theirs)
        sqs.get_queue_url(QueueName="theirs")
        self.refused("AccessDenied", sqs.get_queue_url, QueueName="ours")
        sqs.delete_queue(QueueUrl=url)

    def test_a_function_s_tags_decide_and_a_new_one_s_after_a_while(self) -> None:
        role, ours = self.role("r", "lambda"), {"StringEquals": {"aws:ResourceTag/team": "data"}}
        key = self.user("u", statement("lambda:DeleteFunction", "*", Condition=ours))
        awslambda = self.client("lambda", **key)
        self.function("theirs", role, Tags={"team": "web"})
        self.function("untagged", role)
        for name in ("theirs", "untagged", "not-there"):
            self.refused("AccessDeniedException", awslambda.delete_function, FunctionName=name)
        self.settings(tagRightsSeconds=60)
        self.function("ours", role, Tags={"team": "data"})
        self.refused("AccessDeniedException", awslambda.delete_function, FunctionName="ours")
        self.settings(tagRightsSeconds=0)
        awslambda.delete_function(FunctionName="ours")

    def test_tags_are_set_on_what_has_none_or_the_same(self) -> None:
        role = self.role("r", "lambda")
        both = {"StringEquals": {"aws:RequestTag/team": "data"}, "StringEqualsIfExists": {"aws:ResourceTag/team": "data"}}
        key = self.user("u", statement(["lambda:CreateFunction", "lambda:TagResource"], "*", Condition=both),
                        statement("iam:PassRole", "*"))
        awslambda = self.client("lambda", **key)
        packed = self.function("theirs", role, Tags={"team": "web"})
        new = {"Runtime": "python3.13", "Role": role, "Handler": "index.handler", "Code": {"ZipFile": packed}}
        awslambda.create_function(FunctionName="ours", Tags={"team": "data"}, **new)
        self.refused("AccessDeniedException", awslambda.create_function, FunctionName="bare", **new)
        tag = awslambda.tag_resource
        tag(Resource=self.arn("lambda", "function:ours"), Tags={"team": "data", "x": "y"})
        self.refused("AccessDeniedException", tag, Resource=self.arn("lambda", "function:ours"), Tags={"x": "y"})
        self.refused("AccessDeniedException", tag, Resource=self.arn("lambda", "function:theirs"), Tags={"team": "data"})

    def test_a_log_group_s_tags_decide_and_those_of_a_request_do_not(self) -> None:
        logs = self.client("logs")
        for name, team in (("/ours", "data"), ("/theirs", "web")):
            logs.create_log_group(logGroupName=name, tags={"team": team})
        key = self.user("u", statement("logs:DeleteLogGroup", "*", Condition={"StringEquals": {"aws:ResourceTag/team": "data"}}),
                        statement("logs:*", "*", Condition={"StringEquals": {"aws:RequestTag/team": "data"}}))
        bound = self.client("logs", **key)
        self.refused("AccessDeniedException", bound.delete_log_group, logGroupName="/theirs")
        bound.delete_log_group(logGroupName="/ours")
        self.refused("AccessDeniedException", bound.create_log_group, logGroupName="/new", tags={"team": "data"})

    def test_a_mapping_is_bound_by_its_function(self) -> None:
        role = self.role("r", "lambda", policy=("sqs:*", "*"))
        for name in ("ours", "theirs"):
            self.function(name, role)
            self.client("sqs").create_queue(QueueName=name)
        only = {"ArnLike": {"lambda:FunctionArn": self.arn("lambda", "function:ours*")}}
        key = self.user("u", statement("lambda:*EventSourceMapping", "*", Condition=only))
        awslambda = self.client("lambda", **key)
        made = awslambda.create_event_source_mapping(FunctionName="ours", EventSourceArn=self.arn("sqs", "ours"))
        self.refused("AccessDeniedException", awslambda.create_event_source_mapping, FunctionName="theirs",
                     EventSourceArn=self.arn("sqs", "theirs"))
        awslambda.get_event_source_mapping(UUID=made["UUID"])
        other = self.client("lambda").create_event_source_mapping(FunctionName="theirs", EventSourceArn=self.arn("sqs", "theirs"))
        self.refused("AccessDeniedException", awslambda.delete_event_source_mapping, UUID=other["UUID"])


class RoleTest(AccessTest):
    def assume(self, arn: str, key: Key | None = None, **params: Any) -> Key:
        answer = self.client("sts", **(key or Key())).assume_role(RoleArn=arn, RoleSessionName="session", **params)
        made = answer["Credentials"]
        return {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"], "token": made["SessionToken"]}

    def role_for(self, principal: str, *statements: Record, **condition: Any) -> str:
        document = policy({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole", **condition})
        arn: str = self.iam.create_role(RoleName="assumed", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        self.iam.put_role_policy(RoleName="assumed", PolicyName="p", PolicyDocument=policy(*statements))
        return arn

    def test_a_role_of_another_account_is_assumed_with_its_external_id_and_acts_there(self) -> None:
        home = str(int(self.account) + 500_000_000_000)
        external = {"StringEquals": {"sts:ExternalId": "secret"}}
        arn = self.role_for(f"arn:aws:iam::{home}:root", statement("sqs:*", "*"), Condition=external)
        sts = self.client("sts", key=home)
        self.refused("AccessDenied", sts.assume_role, RoleArn=arn, RoleSessionName="session")
        self.refused("AccessDenied", sts.assume_role, RoleArn=arn, RoleSessionName="session", ExternalId="guess")
        self.refused("AccessDenied", sts.assume_role, RoleArn=f"{arn}x", RoleSessionName="session", ExternalId="secret")
        session = self.assume(arn, {"key": home}, ExternalId="secret")
        self.client("sqs", **session).create_queue(QueueName="there")
        self.assertEqual(len(self.client("sqs").list_queues()["QueueUrls"]), 1)
        self.assertEqual(self.client("sts", **session).get_caller_identity()["Account"], self.account)
        self.refused("AccessDenied", self.client("iam", **session).list_roles)

    def test_another_account_s_queue_is_out_of_reach(self) -> None:
        url = self.client("sqs").create_queue(QueueName="q")["QueueUrl"]
        stranger = self.client("sqs", key=str(int(self.account) + 500_000_000_000))
        message = self.refused("AccessDenied", stranger.send_message, QueueUrl=url, MessageBody="m")
        self.assertTrue(message.endswith("because no resource-based policy allows the sqs:sendmessage action"), message)

    def test_a_user_needs_the_permission_to_assume_too(self) -> None:
        arn = self.role_for(self.account, statement("sqs:*", "*"))
        self.refused("AccessDenied", self.client("sts", **self.user("without")).assume_role, RoleArn=arn, RoleSessionName="session")
        session = self.assume(arn, self.user("with", statement("sts:AssumeRole", arn)))
        self.client("sqs", **session).list_queues()

    def test_a_session_hands_its_tags_on_and_needs_to_be_let_at_both_ends(self) -> None:
        assume, both = "sts:AssumeRole", ["sts:AssumeRole", "sts:TagSession"]
        pod = self.role_for(self.account, statement(both, "*"))
        self.iam.update_assume_role_policy(RoleName="assumed", PolicyDocument=policy(
            {"Effect": "Allow", "Principal": {"AWS": self.account}, "Action": both}))
        tags = [{"Key": "pod", "Value": "p"}, {"Key": "own", "Value": "o"}]
        session = self.assume(pod, Tags=tags, TransitiveTagKeys=["pod"])
        sts = self.client("sts", **session)
        for name, actions in (("deaf", assume), ("open", both)):
            self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(
                {"Effect": "Allow", "Principal": {"AWS": pod}, "Action": actions}))
        message = self.refused("AccessDenied", sts.assume_role, RoleArn=self.arn("iam", "role/deaf"), RoleSessionName="session")
        self.assertIn(f"not authorized to perform: sts:TagSession on resource: {self.arn('iam', 'role/deaf')}", message)
        sts.assume_role(RoleArn=self.arn("iam", "role/open"), RoleSessionName="session")
        self.iam.put_role_policy(RoleName="assumed", PolicyName="p", PolicyDocument=policy(statement(assume, "*")))
        message = self.refused("AccessDenied", sts.assume_role, RoleArn=self.arn("iam", "role/open"), RoleSessionName="session")
        self.assertIn("because no identity-based policy allows the sts:TagSession action", message)

    def test_a_session_without_tags_that_it_hands_on_needs_no_more_than_to_assume(self) -> None:
        arn = self.role_for(self.account, statement("sts:AssumeRole", "*"))
        self.iam.create_role(RoleName="deaf", AssumeRolePolicyDocument=policy(
            {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "sts:AssumeRole"}))
        self.client("sts", **self.assume(arn)).assume_role(RoleArn=self.arn("iam", "role/deaf"), RoleSessionName="session")

    def test_a_secret_is_decrypted_under_a_boundary_that_allows_it(self) -> None:
        self.client("ssm").put_parameter(Name="/a/b", Value="v", Type="SecureString")
        read = statement("ssm:GetParameter", "*")
        arn = self.role_for(self.account, read)
        self.client("ssm", **self.assume(arn)).get_parameter(Name="/a/b", WithDecryption=True)
        through = {"StringLike": {"kms:ViaService": f"ssm.{REGION}.*",
                                  "kms:EncryptionContext:PARAMETER_ARN": self.arn("ssm", "parameter/a/*")}}
        for name, statements in (("without", [read]), ("with", [read, statement("kms:Decrypt", "*", Condition=through)])):
            boundary = self.iam.create_policy(PolicyName=name, PolicyDocument=policy(*statements))["Policy"]["Arn"]
            self.iam.put_role_permissions_boundary(RoleName="assumed", PermissionsBoundary=boundary)
            ssm = self.client("ssm", **self.assume(arn))
            if name == "with":
                ssm.get_parameter(Name="/a/b", WithDecryption=True)
            else:
                message = self.refused("AccessDeniedException", ssm.get_parameter, Name="/a/b", WithDecryption=True)
                self.assertIn("because no permissions boundary allows the kms:Decrypt action", message)

    def test_a_role_that_trusts_a_service_is_nobody_else_s(self) -> None:
        arn = self.role("r", "lambda", policy=("*", "*"))
        self.refused("AccessDenied", self.client("sts").assume_role, RoleArn=arn, RoleSessionName="session")

    def test_a_boundary_cuts_what_a_role_may(self) -> None:
        boundary = self.iam.create_policy(PolicyName="b", PolicyDocument=policy(statement("sqs:*", "*")))["Policy"]["Arn"]
        arn = self.role_for(self.account, statement(["sqs:ListQueues", "iam:ListRoles"], "*"))
        self.iam.put_role_permissions_boundary(RoleName="assumed", PermissionsBoundary=boundary)
        session = self.assume(arn)
        self.client("sqs", **session).list_queues()
        message = self.refused("AccessDenied", self.client("iam", **session).list_roles)
        self.assertTrue(message.endswith("because no permissions boundary allows the iam:ListRoles action"), message)
        self.assertIn(f"User: arn:aws:sts::{self.account}:assumed-role/assumed/session", message)

    def test_a_changed_policy_counts_only_after_a_while(self) -> None:
        arn = self.role_for(self.account, statement("sqs:ListQueues", "*"))
        session = self.assume(arn)
        sqs = self.client("sqs", **session)
        sqs.list_queues()
        self.settings(roleDelaySeconds=0.5)
        self.iam.delete_role_policy(RoleName="assumed", PolicyName="p")
        sqs.list_queues()
        self.eventually(lambda: self.calls(operation="ListQueues", status=403) or self._try(sqs.list_queues), "the denial")

    @staticmethod
    def _try(call: Callable[[], Any]) -> None:
        with contextlib.suppress(Exception):  # the log tells
            call()


class FunctionTest(AccessTest):
    CODE = """
import boto3, os
def handler(event, context):
    client = boto3.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name=os.environ["AWS_REGION"])
    return client.get_queue_url(QueueName="q")["QueueUrl"]
"""

    def test_a_function_is_bound_by_its_role(self) -> None:
        self.client("sqs").create_queue(QueueName="q")
        self.function("f", self.role("r", "lambda"), code=self.CODE)
        answer = self.client("lambda").invoke(FunctionName="f")
        self.assertIn("not authorized to perform: sqs:getqueueurl", answer["Payload"].read().decode())
        self.iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=policy(statement("sqs:GetQueueUrl", "*")))
        self.assertIn("/q", self.client("lambda").invoke(FunctionName="f")["Payload"].read().decode())
        [denied, allowed] = self.calls(by="function")
        self.assertEqual((denied["status"], allowed["status"]), (403, 200))
        self.assertEqual(allowed["principal"], f"arn:aws:sts::{self.account}:assumed-role/r/f")

    def test_a_queue_with_a_key_needs_the_key_through_sqs(self) -> None:
        key_arn = self.arn("kms", "key/1a2b")
        through = {"StringLike": {"kms:ViaService": f"sqs.{REGION}.*"}}
        url = self.client("sqs").create_queue(QueueName="q", Attributes={"KmsMasterKeyId": key_arn})["QueueUrl"]
        without = self.client("sqs", **self.user("without", statement("sqs:*", "*")))
        message = self.refused("AccessDeniedException", without.send_message, QueueUrl=url, MessageBody="m")
        self.assertIn(f"kms:GenerateDataKey on resource: {key_arn}", message)
        self.refused("AccessDeniedException", without.receive_message, QueueUrl=url)
        grant = statement(["kms:GenerateDataKey", "kms:Decrypt"], key_arn, Condition=through)
        allowed = self.client("sqs", **self.user("with", statement("sqs:*", "*"), grant))
        allowed.send_message(QueueUrl=url, MessageBody="m")
        self.assertEqual(len(allowed.receive_message(QueueUrl=url)["Messages"]), 1)

    def test_messages_tell_who_sent_them(self) -> None:
        key = self.user("u", statement("sqs:*", "*"))
        sqs = self.client("sqs", **key)
        url = sqs.create_queue(QueueName="q")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="m")
        [message] = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["SenderId"])["Messages"]
        self.assertEqual(message["Attributes"]["SenderId"], self.iam.get_user(UserName="u")["User"]["UserId"])


if __name__ == "__main__":
    unittest.main()
