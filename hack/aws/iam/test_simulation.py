from typing import Any

from ..testing import StrictTest

QUEUE = "arn:aws:sqs:eu-central-1:{}:q"


class SimulationTest(StrictTest):
    def setUp(self) -> None:
        super().setUp()
        self.iam = self.client("iam")
        self.queue = QUEUE.format(self.account)

    def decisions(self, arn: str, actions: list[str], **params: Any) -> list[str]:
        pages = self.iam.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=arn, ActionNames=actions, ResourceArns=[self.queue], **params)
        return [result["EvalDecision"] for page in pages for result in page["EvaluationResults"]]

    def test_each_action_is_decided_by_the_policies_of_the_principal(self) -> None:
        role = self.role("r", "lambda", (["sqs:SendMessage", "sqs:DeleteQueue"], self.queue))
        self.iam.put_role_policy(RoleName="r", PolicyName="not", PolicyDocument=self.document("sqs:DeleteQueue", "*", "Deny"))
        actions = ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteQueue"]
        self.assertEqual(self.decisions(role, actions), ["allowed", "implicitDeny", "explicitDeny"])
        self.assertEqual(self.decisions(role, actions, PaginationConfig={"PageSize": 2}), ["allowed", "implicitDeny", "explicitDeny"])

    def test_several_resources_of_an_action_have_one_result_with_the_most_restrictive_decision(self) -> None:
        role = self.role("r", "lambda", ("sqs:SendMessage", self.queue))
        other = f"{self.queue}-other"
        answer = self.iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=["sqs:SendMessage"], ResourceArns=[self.queue, other])
        [result] = answer["EvaluationResults"]
        decided = {each["EvalResourceName"]: each["EvalResourceDecision"] for each in result["ResourceSpecificResults"]}
        self.assertEqual(result["EvalDecision"], "implicitDeny")
        self.assertEqual(decided, {self.queue: "allowed", other: "implicitDeny"})

    def test_conditions_are_decided_by_the_given_keys(self) -> None:
        condition = {"StringEquals": {"aws:RequestTag/a": "b"}}
        user = self.iam.create_user(UserName="u")["User"]["Arn"]
        self.iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=self.document("sqs:CreateQueue", "*", Condition=condition))
        entry = {"ContextKeyName": "aws:RequestTag/a", "ContextKeyValues": ["b"], "ContextKeyType": "string"}
        self.assertEqual(self.decisions(user, ["sqs:CreateQueue"]), ["implicitDeny"])
        self.assertEqual(self.decisions(user, ["sqs:CreateQueue"], ContextEntries=[entry]), ["allowed"])

    def test_a_boundary_is_told_apart(self) -> None:
        document = self.document("sqs:SendMessage", "*")
        boundary = self.iam.create_policy(PolicyName="b", PolicyDocument=document)["Policy"]["Arn"]
        role = self.role("r", "lambda", ("sqs:*", "*"), PermissionsBoundary=boundary)
        answer = self.iam.simulate_principal_policy(PolicySourceArn=role, ActionNames=["sqs:DeleteQueue"], ResourceArns=[self.queue])
        result = answer["EvaluationResults"][0]
        self.assertFalse(result["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"])

    def test_principals_that_are_none_are_refused(self) -> None:
        for code, arn in (("NoSuchEntity", f"arn:aws:iam::{self.account}:role/none"), ("InvalidInput", f"arn:aws:iam::{self.account}:root")):
            self.refused(code, self.iam.simulate_principal_policy, PolicySourceArn=arn, ActionNames=["sqs:SendMessage"])

    def test_whoever_asks_has_to_be_allowed_to(self) -> None:
        user = self.iam.create_user(UserName="u")["User"]["Arn"]
        key = self.iam.create_access_key(UserName="u")["AccessKey"]
        asked = {"PolicySourceArn": user, "ActionNames": ["sqs:SendMessage"]}
        client = self.client("iam", key["AccessKeyId"], key["SecretAccessKey"])
        self.refused("AccessDenied", client.simulate_principal_policy, **asked)
        document = self.document("iam:SimulatePrincipalPolicy", user)
        self.iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=document)
        self.assertEqual(client.simulate_principal_policy(**asked)["EvaluationResults"][0]["EvalDecision"], "implicitDeny")
