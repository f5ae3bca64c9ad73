import json
import unittest

from ..testing import StrictTest, trust


class IdentityTest(StrictTest):
    def setUp(self) -> None:
        super().setUp()
        self.iam = self.client("iam")

    def test_malformed_trust_is_refused(self) -> None:
        for document, text in (
            ("{", "invalid Json"),
            ("{}", "Syntax errors"),
            (trust("lambda.amazonaws.com", Resource="*"), "prohibited field Resource"),
            (trust("lambda.amazonaws.com", Action="sqs:SendMessage"), "AssumeRole"),
            (trust("lambda.amazonaws.com", Principal={}), "principal"),
            (trust("lambda.amazonaws.com", Principal={"AWS": f"arn:aws:iam::{self.account}:role/none"}), "Invalid principal in policy"),
            (trust("lambda.amazonaws.com", Condition={"Equals": {"a": "b"}}), "Condition"),
        ):
            with self.subTest(document):
                message = self.refused("MalformedPolicyDocument", self.iam.create_role, RoleName="r", AssumeRolePolicyDocument=document)
                self.assertIn(text, message)
        self.role("r", "lambda")
        self.refused("MalformedPolicyDocument", self.iam.update_assume_role_policy, RoleName="r", PolicyDocument="{}")

    def test_malformed_permissions_are_refused(self) -> None:
        self.role("r", "lambda")
        for document in (
            "[]", self.document("SendMessage", "*"), self.document("sqs:SendMessage", "queue"), self.document([], "*"),
            self.document("sqs:SendMessage", "*", Principal="*"), self.document("sqs:SendMessage", "*", effect="Maybe"),
            self.document("sqs:SendMessage", "*", Colour="red"),
        ):
            with self.subTest(document):
                self.refused("MalformedPolicyDocument", self.iam.put_role_policy, RoleName="r", PolicyName="p", PolicyDocument=document)
        self.refused("NoSuchEntity", self.iam.put_role_policy, RoleName="none", PolicyName="p", PolicyDocument="[]")

    def test_the_inline_policies_of_a_role_are_limited_together(self) -> None:
        self.role("r", "lambda")
        large = self.document("sqs:SendMessage", [f"arn:aws:sqs:*:*:{number:0300}" for number in range(16)])
        self.iam.put_role_policy(RoleName="r", PolicyName="one", PolicyDocument=large)
        self.iam.put_role_policy(RoleName="r", PolicyName="one", PolicyDocument=json.dumps(json.loads(large), indent=40))
        self.refused("LimitExceeded", self.iam.put_role_policy, RoleName="r", PolicyName="two",
                     PolicyDocument=self.document("sqs:SendMessage", [f"arn:aws:sqs:*:*:{number:0300}" for number in range(17)]))

    def test_names_paths_and_tags_are_checked(self) -> None:
        document = trust("lambda.amazonaws.com")
        self.role("r", "lambda")
        self.refused("EntityAlreadyExists", self.iam.create_role, RoleName="R", AssumeRolePolicyDocument=document)
        self.refused("ValidationError", self.iam.create_role, RoleName="a b", AssumeRolePolicyDocument=document)
        self.refused("ValidationError", self.iam.create_role, RoleName="s", Path="/a", AssumeRolePolicyDocument=document)
        self.refused("ValidationError", self.iam.tag_role, RoleName="r", Tags=[{"Key": "k", "Value": "<v>"}])
        self.refused("ValidationError", self.iam.put_role_policy, RoleName="r", PolicyName="a/b", PolicyDocument=self.document("*", "*"))

    def test_boundaries_and_attached_policies_must_exist(self) -> None:
        arn = f"arn:aws:iam::{self.account}:policy/none"
        self.refused("NoSuchEntity", self.iam.create_role, RoleName="r", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"),
                     PermissionsBoundary=arn)
        self.role("r", "lambda")
        self.refused("NoSuchEntity", self.iam.put_role_permissions_boundary, RoleName="r", PermissionsBoundary=arn)
        self.refused("NoSuchEntity", self.iam.attach_role_policy, RoleName="r", PolicyArn=arn)

    def test_a_role_with_policies_cannot_be_deleted(self) -> None:
        self.role("r", "lambda", policy=("sqs:*", "*"))
        self.refused("DeleteConflict", self.iam.delete_role, RoleName="r")
        self.iam.delete_role_policy(RoleName="r", PolicyName="p")
        arn = self.iam.create_policy(PolicyName="m", PolicyDocument=self.document("*", "*"))["Policy"]["Arn"]
        self.iam.attach_role_policy(RoleName="r", PolicyArn=arn)
        self.refused("DeleteConflict", self.iam.delete_role, RoleName="r")
        self.iam.detach_role_policy(RoleName="r", PolicyArn=arn)
        self.iam.delete_role(RoleName="r")

    def test_single_reads_can_be_behind_writes(self) -> None:
        self.settings(iamReadSeconds=1)
        self.role("r", "lambda")
        self.refused("NoSuchEntity", self.iam.get_role, RoleName="r")
        self.refused("EntityAlreadyExists", self.iam.create_role, RoleName="r", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
        self.settings(iamReadSeconds=0)
        self.iam.get_role(RoleName="r")
        self.role("s", "lambda")
        self.settings(iamReadSeconds=1)
        self.iam.put_role_policy(RoleName="s", PolicyName="p", PolicyDocument=self.document("*", "*"))
        self.assertEqual(self.iam.list_role_policies(RoleName="s")["PolicyNames"], [])
        self.eventually(lambda: self.iam.list_role_policies(RoleName="s")["PolicyNames"], "the policy")


if __name__ == "__main__":
    unittest.main()
