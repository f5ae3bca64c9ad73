import unittest

from devenv import kubelet


class KubeletTest(unittest.TestCase):
    def test_secrets_are_filled_in(self) -> None:
        reference = {"secretKeyRef": {"name": "aws", "key": "id"}}
        described = {"env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": reference}, {"name": "C"}]}
        filled = kubelet._environment(described, lambda name, key: f"{key} of {name}")
        self.assertEqual(filled, {"A": "1", "B": "id of aws", "C": ""})

    def test_a_service_account_logs_in_with_its_token_alone(self) -> None:
        admin = {"clusters": [{"name": "here", "cluster": {}}], "users": [{"name": "admin", "user": {"token": "all"}}]}
        config = kubelet._with_token(admin, "its own", "home")
        self.assertEqual([user["user"] for user in config["users"]], [{"token": "its own"}])
        (context,) = config["contexts"]
        self.assertEqual(context["context"], {"cluster": "here", "user": "operator", "namespace": "home"})


if __name__ == "__main__":
    unittest.main()
