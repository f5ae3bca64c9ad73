from __future__ import annotations

import functools
import unittest
from typing import TYPE_CHECKING, Any

from ..testing import REGION, StrictTest

if TYPE_CHECKING:
    from collections.abc import Callable


class ConfigurationTest(StrictTest):
    def setUp(self) -> None:
        super().setUp()
        self.lambda_ = self.client("lambda")
        self.made = self.role("r", "lambda")
        self.code = self.function("f", self.made)

    def new(self, **changes: Any) -> dict[str, Any]:
        params = {"FunctionName": "g", "Runtime": "provided.al2023", "Handler": "h", "Role": self.made,
                  "Code": {"ZipFile": self.code}, **changes}
        return {key: value for key, value in params.items() if value is not None}

    def test_what_aws_refuses(self) -> None:
        invalid, constraint = "InvalidParameterValueException", "ValidationException"
        for changes, code, text in (
            ({"Runtime": "cobol1"}, invalid, "cobol1"),
            ({"Handler": None}, invalid, "mandatory"),
            ({"Timeout": 900 + 1}, invalid, "'Timeout'"),
            ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, invalid, "reserved keys"),
            ({"Environment": {"Variables": {"AB": "x" * 4096}}}, invalid, "4KB"),
            ({"Environment": {"Variables": {"_A": "x"}}}, constraint, "environment.variables"),
            ({"Environment": {"Variables": {"A": "x"}}}, constraint, "environment.variables"),
            ({"Code": {"ZipFile": b"no zip"}}, invalid, "unzip"),
            ({"Role": f"{self.made}x"}, invalid, "cannot be assumed"),
        ):
            with self.subTest(changes):
                self.assertIn(text, self.refused(code, self.lambda_.create_function, **self.new(**changes)))

    def test_the_same_holds_for_updates(self) -> None:
        self.refused("InvalidParameterValueException", self.lambda_.update_function_configuration, FunctionName="f",
                     Environment={"Variables": {"AWS_REGION": "x"}})

    def test_a_dry_run_changes_nothing(self) -> None:
        before = self.lambda_.get_function_configuration(FunctionName="f")
        tried = self.lambda_.update_function_code(FunctionName="f", ZipFile=b"other", DryRun=True)
        self.assertNotEqual(tried["CodeSha256"], before["CodeSha256"])
        after = self.lambda_.get_function_configuration(FunctionName="f")
        self.assertEqual((after["CodeSha256"], after["RevisionId"]), (before["CodeSha256"], before["RevisionId"]))

    def test_a_name_that_is_taken(self) -> None:
        message = self.refused("ResourceConflictException", self.lambda_.create_function, **self.new(FunctionName="f"))
        self.assertIn("Function already exist", message)


class StateTest(StrictTest):
    def test_it_is_pending_at_first_and_updates_come_one_by_one(self) -> None:
        self.settings(pendingSeconds=0.5)
        awslambda = self.client("lambda")
        code = self.function("f", self.role("r", "lambda"), wait=False)
        self.assertEqual(awslambda.get_function(FunctionName="f")["Configuration"]["State"], "Pending")
        self.refused("ResourceConflictException", awslambda.invoke, FunctionName="f")
        awslambda.get_waiter("function_active_v2").wait(FunctionName="f", WaiterConfig={"Delay": 0.05})
        updated = awslambda.update_function_configuration(FunctionName="f", MemorySize=256)
        self.assertEqual((updated["State"], updated["LastUpdateStatus"]), ("Active", "InProgress"))
        message = self.refused("ResourceConflictException", awslambda.update_function_code, FunctionName="f", ZipFile=code)
        self.assertIn("An update is in progress", message)
        awslambda.invoke(FunctionName="f")

    def test_a_deleted_one_is_deleting_at_first(self) -> None:
        awslambda = self.client("lambda")
        role = self.role("r", "lambda")
        self.function("f", role)
        self.settings(functionDeletingSeconds=0.5)
        awslambda.delete_function(FunctionName="f")
        self.assertEqual(awslambda.get_function(FunctionName="f")["Configuration"]["State"], "Deleting")
        self.refused("ResourceConflictException", awslambda.invoke, FunctionName="f")
        self.refused("ResourceConflictException", awslambda.update_function_configuration, FunctionName="f", Timeout=5)
        self.eventually(lambda: not awslambda.list_functions()["Functions"], "its end")
        self.function("f", role)

    def test_a_new_role_cannot_be_assumed_at_once(self) -> None:
        self.settings(roleDelaySeconds=0.5)
        role = self.role("r", "lambda")
        code = {"ZipFile": b""}
        message = self.refused("InvalidParameterValueException", self.client("lambda").create_function, FunctionName="f",
                               Runtime="provided.al2023", Handler="h", Role=role, Code=code)
        self.assertEqual(message, "The role defined for the function cannot be assumed by Lambda.")
        self.eventually(lambda: self.made("f", role), "the function")

    def test_kms_knows_a_new_role_no_sooner_than_lambda(self) -> None:
        self.settings(roleDelaySeconds=1)
        role = self.role("r", "lambda")
        messages = []

        def made() -> bool:
            try:
                self.function("f", role, wait=False, Environment={"Variables": {"AB": "c"}})
            except self.client("lambda").exceptions.InvalidParameterValueException as error:
                messages.append(error.response["Error"]["Message"])
                return False
            return True

        self.eventually(made, "the function")
        grant = f"ARN does not refer to a valid principal: arn:aws:sts::{self.account}:assumed-role/r/f"
        self.assertTrue(messages[0].endswith(grant), messages[0])
        self.assertEqual(messages[-1], "The role defined for the function cannot be assumed by Lambda.")

    def test_a_new_queue_is_not_a_destination_at_once(self) -> None:
        self.settings(newQueueSeconds=0.5)
        self.function("f", self.role("r", "lambda", policy=("sqs:*", "*")))
        self.client("sqs").create_queue(QueueName="q")
        arn = f"arn:aws:sqs:{REGION}:{self.account}:q"
        put = functools.partial(self.client("lambda").put_function_event_invoke_config, FunctionName="f",
                                DestinationConfig={"OnFailure": {"Destination": arn}})
        with self.assertRaises(self.client("lambda").exceptions.ClientError) as raised:
            put()
        self.assertEqual(raised.exception.response["Error"]["Message"], f"The destination ARN {arn} is invalid.")
        self.eventually(lambda: self.accepted(put), "the destination")

    def accepted(self, call: Callable[[], object]) -> bool:
        try:
            call()
        except self.client("lambda").exceptions.ClientError:
            return False
        return True

    def made(self, name: str, role: str) -> bool:
        try:
            self.function(name, role, wait=False)
        except self.client("lambda").exceptions.InvalidParameterValueException:
            return False
        return True


if __name__ == "__main__":
    unittest.main()


class GrantTest(StrictTest):
    def test_a_role_that_was_made_anew_is_another_one_until_the_function_had_a_third(self) -> None:
        iam, awslambda = self.client("iam"), self.client("lambda")
        role, other = self.role("r", "lambda"), self.role("other", "lambda")
        self.function("f", role, Environment={"Variables": {"NAME": "x"}})
        self.assertNotIn("FunctionError", awslambda.invoke(FunctionName="f"))
        iam.delete_role(RoleName="r")
        self.role("r", "lambda")
        self.refused("KMSAccessDeniedException", awslambda.invoke, FunctionName="f")
        self.change(Role=role)
        self.refused("KMSAccessDeniedException", awslambda.invoke, FunctionName="f")
        for arn in (other, role):
            self.change(Role=arn)
            self.assertNotIn("FunctionError", awslambda.invoke(FunctionName="f"))

    def test_without_an_environment_there_is_nothing_to_decrypt(self) -> None:
        role = self.role("r", "lambda")
        self.function("f", role)
        self.client("iam").delete_role(RoleName="r")
        self.role("r", "lambda")
        self.client("lambda").invoke(FunctionName="f")

    def change(self, **params: Any) -> None:
        awslambda = self.client("lambda")
        awslambda.update_function_configuration(FunctionName="f", **params)
        awslambda.get_waiter("function_updated_v2").wait(FunctionName="f", WaiterConfig={"Delay": 0.05})
