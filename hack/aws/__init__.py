"""MiniStack, made as strict as AWS: started by `hack/strict_aws.py`, described in docs/strict-aws.md."""
