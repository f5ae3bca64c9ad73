"""A Kubernetes control plane without nodes: etcd and the API server, on the loopback address."""

from __future__ import annotations

import base64
import json
import os
import secrets
import ssl
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from . import tools
from .process import await_ready, free_port

if TYPE_CHECKING:
    from .process import Registry

READY_SECONDS = 60
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
EC_KEY = bytes.fromhex("30310201010420"), bytes.fromhex("a00a06082a8648ce3d030107")


def start(registry: Registry, folder: Path) -> Path:
    """Starts both and returns the path of a kubeconfig for a cluster admin."""
    folder.mkdir(parents=True, exist_ok=True)
    etcd_port = _start_etcd(registry, folder)
    port = int(os.environ.get("TASK_PIPELINES_DEV_KUBERNETES_PORT") or free_port())
    token = secrets.token_urlsafe(32)
    _write_private(folder / "tokens.csv", f'{token},admin,admin,"system:masters"\n')
    _write_private(folder / "service-accounts.pem", signing_key())
    log = folder / "kube-apiserver.log"
    url = f"https://127.0.0.1:{port}"
    process = registry.start("kube-apiserver", [
        tools.kube_apiserver(), f"--etcd-servers=http://127.0.0.1:{etcd_port}", f"--cert-dir={folder / 'certificates'}",
        f"--secure-port={port}", "--bind-address=127.0.0.1", "--service-cluster-ip-range=10.0.0.0/24",
        "--service-account-issuer=https://kubernetes.default.svc", f"--token-auth-file={folder / 'tokens.csv'}",
        f"--service-account-key-file={folder / 'service-accounts.pem'}",
        f"--service-account-signing-key-file={folder / 'service-accounts.pem'}",
        # Without a controller manager no ServiceAccount is ever made for a pod.
        "--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount",
    ], _environment(), log)
    await_ready(process, log, READY_SECONDS, lambda: _ready(url, token, folder))
    kubeconfig = folder / "kubeconfig"
    _write_private(kubeconfig, _kubeconfig(url, token, (folder / "certificates" / "apiserver.crt").read_bytes()))
    return kubeconfig


def _start_etcd(registry: Registry, folder: Path) -> int:
    port, peer_port, log = free_port(), free_port(), folder / "etcd.log"
    client, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
    process = registry.start("etcd", [
        tools.etcd(), f"--data-dir={folder / 'etcd'}", "--unsafe-no-fsync", "--log-level=warn",
        f"--listen-client-urls={client}", f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}",
    ], _environment(), log)
    await_ready(process, log, READY_SECONDS, lambda: _answers(f"{client}/health"))
    return port


def signing_key() -> str:
    """A P-256 key in PEM, RFC 5915: the API server signs ServiceAccount tokens with it."""
    number = secrets.randbelow(P256_ORDER - 1) + 1
    der = EC_KEY[0] + number.to_bytes(32, "big") + EC_KEY[1]
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN EC PRIVATE KEY-----\n{text}-----END EC PRIVATE KEY-----\n"


def _kubeconfig(url: str, token: str, certificate: bytes) -> str:
    return json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "task-pipelines",
        "clusters": [{"name": "task-pipelines", "cluster": {
            "server": url, "certificate-authority-data": base64.b64encode(certificate).decode()}}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "task-pipelines", "context": {
            "cluster": "task-pipelines", "user": "admin", "namespace": "default"}}],
    }, indent=2)


def _ready(url: str, token: str, folder: Path) -> bool:
    certificate = folder / "certificates" / "apiserver.crt"
    if not certificate.exists():
        return False
    context = ssl.create_default_context(cafile=certificate)
    return _answers(f"{url}/readyz", context, token) and _answers(f"{url}/api/v1/namespaces/default", context, token)


def _answers(url: str, context: ssl.SSLContext | None = None, token: str = "") -> bool:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=5, context=context) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _environment() -> dict[str, str]:
    return {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}


def _write_private(path: Path, text: str) -> None:
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as output:
        output.write(text)
