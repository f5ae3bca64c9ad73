"""Container images without a daemon: folders become layers, layers an OCI archive; and back.

https://github.com/opencontainers/image-spec: an archive is a tar of blobs by digest, with `index.json` naming the manifest.
`manifest.json` beside it is what `docker load` reads. Equal folders give equal bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from .console import Failure

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
INDEX = "application/vnd.oci.image.index.v1+json"
LEVEL = 9


def write(archive: Path, layers: list[tuple[Path, str]], architecture: str, config: dict[str, Any], name: str,
          created: str) -> str:
    """Writes an image of these layers, `(folder, what it is)` each, and returns its manifest's digest."""
    blobs: dict[str, bytes] = {}
    diffs, descriptors = [], []
    for folder, _ in layers:
        content = pack(folder)
        compressed = gzip.compress(content, LEVEL, mtime=0)
        diffs.append(_digest(content))
        descriptors.append(_add(blobs, LAYER, compressed))
    history = [{"created": created, "created_by": what} for _, what in layers]
    document = {"architecture": architecture, "os": "linux", "created": created, "config": config,
                "rootfs": {"type": "layers", "diff_ids": diffs}, "history": history}
    described = _add(blobs, CONFIG, _json(document))
    annotations = {key: value for key, value in config.get("Labels", {}).items() if key.startswith("org.opencontainers.")}
    manifest = _add(blobs, MANIFEST, _json({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": descriptors, "annotations": annotations}))
    platform = {"architecture": architecture, "os": "linux"}
    entry = {**manifest, "platform": platform, "annotations": {"org.opencontainers.image.ref.name": name}}
    docker = [{"Config": _path(described), "RepoTags": [name], "Layers": [_path(layer) for layer in descriptors]}]
    files = {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}),
        "manifest.json": _json(docker),
        **blobs,
    }
    archive.parent.mkdir(parents=True, exist_ok=True)
    temporary = archive.with_name(f".{archive.name}.new")
    with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as output:
        for path in sorted(files):
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(files[path]), 0o644
            output.addfile(member, io.BytesIO(files[path]))
    temporary.replace(archive)
    return str(manifest["digest"])


def pack(folder: Path) -> bytes:
    """A folder's content as a tar that says nothing of this machine: root's, without times, sorted."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folder.rglob("*")):
            member = archive.gettarinfo(path, path.relative_to(folder).as_posix())
            if not (member.isfile() or member.isdir() or member.issym()):
                raise Failure(f"{path} is neither a file nor a folder nor a link")
            member.uid = member.gid = member.mtime = 0
            member.uname = member.gname = ""
            if member.isfile():
                with open(path, "rb") as content:
                    archive.addfile(member, content)
            else:
                archive.addfile(member)
    return output.getvalue()


def read(archive: Path) -> tuple[dict[str, Any], list[bytes]]:
    """The image's configuration and its layers, unpacked and compared with every digest on the way."""
    with tarfile.open(archive) as source:
        files = {member.name: content_of(source, member) for member in source if member.isfile()}
    (entry,) = json.loads(files["index.json"])["manifests"]
    manifest = json.loads(_get(files, entry))
    document = json.loads(_get(files, manifest["config"]))
    layers = [gzip.decompress(_get(files, layer)) for layer in manifest["layers"]]
    for layer, expected in zip(layers, document["rootfs"]["diff_ids"], strict=True):
        if _digest(layer) != expected:
            raise Failure(f"{archive}: a layer is not what its configuration says")
    return document, layers


def unpack(layers: list[bytes], folder: Path) -> None:
    """Puts the layers' files into a folder, as a container runtime would; images made here delete nothing."""
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(layer)) as source:
            for member in source:
                place = folder / member.name
                if Path(member.name).is_absolute() or ".." in Path(member.name).parts:
                    raise Failure(f"{member.name} leads out of the image")
                if member.isdir():
                    place.mkdir(exist_ok=True)
                    place.chmod(member.mode)
                elif member.issym():
                    place.symlink_to(member.linkname)
                else:
                    place.write_bytes(content_of(source, member))
                    place.chmod(member.mode)


def content_of(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """What a file of an archive holds."""
    opened = archive.extractfile(member)
    if opened is None:
        raise Failure(f"{member.name} is not a file")
    with opened:
        return opened.read()


def _get(files: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    content = files.get(_path(descriptor))
    if content is None or _digest(content) != descriptor["digest"] or len(content) != descriptor["size"]:
        raise Failure(f"the image has no {descriptor['digest']} of {descriptor['size']} bytes")
    return content


def _add(blobs: dict[str, bytes], media_type: str, content: bytes) -> dict[str, Any]:
    descriptor = {"mediaType": media_type, "digest": _digest(content), "size": len(content)}
    blobs[_path(descriptor)] = content
    return descriptor


def _path(descriptor: dict[str, Any]) -> str:
    return f"blobs/{descriptor['digest'].replace(':', '/')}"


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
