import unittest

from .calls import Call, Calls, is_write
from .permissions import Permission
from .principals import Principal
from .testing import REGION, StrictTest


class NameTest(unittest.TestCase):
    def test_a_call_names_the_resource_it_acts_on(self) -> None:
        arn = "arn:aws:{}:eu-central-1:111111111111:{}"
        for service, operation, params, name in (
            ("sqs", "CreateQueue", {"QueueName": "q.fifo"}, "q.fifo"),
            ("sqs", "DeleteQueue", {"QueueUrl": "http://127.0.0.1:1/111111111111/q"}, "q"),
            ("lambda", "GetFunction", {"FunctionName": "f"}, "f"),
            ("lambda", "GetFunction", {"FunctionName": arn.format("lambda", "function:f:3")}, "f"),
            ("lambda", "UpdateEventSourceMapping", {"UUID": "u", "FunctionName": "f"}, "u"),
            ("lambda", "TagResource", {"Resource": arn.format("lambda", "event-source-mapping:u")}, "u"),
            ("iam", "PutRolePolicy", {"RoleName": "r", "PolicyName": "p"}, "r"),
            ("iam", "GetPolicy", {"PolicyArn": "arn:aws:iam::111111111111:policy/a/b/p"}, "p"),
            ("sts", "AssumeRole", {"RoleArn": "arn:aws:iam::111111111111:role/a/r"}, "r"),
            ("scheduler", "CreateSchedule", {"GroupName": "g", "Name": "s"}, "g/s"),
            ("scheduler", "GetSchedule", {"Name": "s"}, "default/s"),
            ("scheduler", "CreateScheduleGroup", {"Name": "g"}, "g"),
            ("scheduler", "TagResource", {"ResourceArn": arn.format("scheduler", "schedule-group/g")}, "g"),
            ("ssm", "GetParameter", {"Name": "/a/b"}, "/a/b"),
            ("ssm", "AddTagsToResource", {"ResourceType": "Parameter", "ResourceId": "/a/b"}, "/a/b"),
            ("logs", "CreateLogGroup", {"logGroupName": "/aws/lambda/f"}, "/aws/lambda/f"),
            ("logs", "TagResource", {"resourceArn": arn.format("logs", "log-group:/aws/lambda/f")}, "/aws/lambda/f"),
            ("sqs", "ListQueues", {}, ""),
            ("tag", "GetResources", {"TagFilters": []}, ""),
        ):
            with self.subTest(f"{service} {operation} {params}"):
                call = Call(account="", region="", service=service, operation=operation, params=params, key="", host="", by="operator")
                self.assertEqual(call.resource, name)

    def test_reads_are_told_from_writes(self) -> None:
        self.assertEqual([is_write(name) for name in ("GetFunction", "ListQueues", "DescribeLogGroups", "ReceiveMessage")],
                         [False] * 4)
        self.assertEqual([is_write(name) for name in ("CreateRole", "PutRolePolicy", "DeleteQueue", "TagQueue")], [True] * 4)


class LogTest(StrictTest):
    def test_calls_are_kept_by_account(self) -> None:
        calls = Calls()
        for account in ("111111111111", "222222222222", "111111111111"):
            calls.record(Call(account, REGION, "sqs", "ListQueues", {}, account, "", "operator"), 200)
        self.assertEqual([len(calls.of(account)) for account in ("111111111111", "222222222222", "")], [2, 1, 3])
        calls.clear("111111111111")
        self.assertEqual(len(calls.of("")), 1)

    def test_what_users_put_to_use_is_remembered_over_all_accounts(self) -> None:
        calls = Calls()
        for user, action, status in (("operator", "sqs:B", 200), ("operator", "sqs:A", 200), ("operator", "sqs:C", 403), ("x", "sqs:D", 200)):
            call = Call("111111111111", REGION, "sqs", "Any", {}, "k", "", "operator")
            call.principal = Principal("111111111111", f"arn:aws:iam::111111111111:user/{user}", "id")
            call.permissions = [Permission(action, "*")]
            calls.record(call, status)
        calls.clear("")
        self.assertEqual(calls.used(), {"operator": ["sqs:A", "sqs:B"], "x": ["sqs:D"]})

    def test_routes_that_differ_by_their_query_alone_are_told_apart(self) -> None:
        client = self.client("lambda")
        client.list_layers()
        with self.assertRaises(client.exceptions.ClientError):
            client.get_layer_version_by_arn(Arn=f"arn:aws:lambda:{REGION}:{self.account}:layer:gone:1")
        self.assertEqual([call["operation"] for call in self.calls()], ["ListLayers", "GetLayerVersionByArn"])

    def test_each_protocol_is_understood(self) -> None:
        self.client("iam").list_roles(PathPrefix="/a/")
        self.client("lambda").list_event_source_mappings(EventSourceArn="arn:aws:sqs:eu-central-1:1:q")
        scheduler = self.client("scheduler")
        scheduler.create_schedule_group(Name="g", Tags=[{"Key": "k", "Value": "v"}])
        scheduler.list_tags_for_resource(ResourceArn=f"arn:aws:scheduler:{REGION}:{self.account}:schedule-group/g")
        self.client("ssm").put_parameter(Name="/a/b", Value="v", Type="String")
        self.client("resourcegroupstaggingapi").get_resources()
        found = [(call["service"], call["operation"], call["resource"], call["write"]) for call in self.calls()]
        self.assertEqual(found, [
            ("iam", "ListRoles", "", False), ("lambda", "ListEventSourceMappings", "", False),
            ("scheduler", "CreateScheduleGroup", "g", True), ("scheduler", "ListTagsForResource", "g", False),
            ("ssm", "PutParameter", "/a/b", True), ("tag", "GetResources", "", False),
        ])
        numbers = [call["request"] for call in self.calls()]
        self.assertEqual(numbers, sorted(set(numbers)))


if __name__ == "__main__":
    unittest.main()
