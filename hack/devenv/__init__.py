"""The development environment: tools, a Kubernetes control plane, a strict AWS, a chat; all on this machine."""
