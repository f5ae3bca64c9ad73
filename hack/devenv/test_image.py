from __future__ import annotations

import io
import json
import os
import tarfile
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from devenv import debian, image, image_check, oci, paths, tools
from devenv.console import Failure

CONFIG = {"User": "65532:65532", "Env": ["PATH=/bin", "A=b=c"], "Entrypoint": ["/bin/program"], "Labels": {
    "org.opencontainers.image.version": "1", "other": "2"}}
CREATED = "1970-01-01T00:00:00Z"


class ImageTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def layer(self, name: str, files: dict[str, str]) -> tuple[Path, str]:
        for path, text in files.items():
            place = self.folder / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
            place.chmod(0o755)
        return self.folder / name, name

    def write(self, name: str) -> str:
        layers = [self.layer("base", {"bin/program": "one", "etc/a": "a"}), self.layer("own", {"bin/program": "two"})]
        (self.folder / "base/lib").symlink_to("bin") if not (self.folder / "base/lib").is_symlink() else None
        (self.folder / "base/tmp").mkdir(exist_ok=True)
        (self.folder / "base/tmp").chmod(0o1777)
        return oci.write(self.folder / name, layers, "amd64", CONFIG, "program:1", CREATED)

    def test_what_is_written_is_read_back(self) -> None:
        digest = self.write("a.tar")
        document, layers = oci.read(self.folder / "a.tar")
        self.assertEqual((document["architecture"], document["config"], len(layers)), ("amd64", CONFIG, 2))
        (self.folder / "root").mkdir()
        oci.unpack(layers, self.folder / "root")
        self.assertEqual((self.folder / "root/bin/program").read_text(), "two")
        self.assertEqual((self.folder / "root/lib").readlink(), Path("bin"))
        self.assertEqual((self.folder / "root/tmp").stat().st_mode & 0o7777, 0o1777)
        self.assertEqual((self.folder / "root/bin/program").stat().st_mode & 0o777, 0o755)
        with tarfile.open(self.folder / "a.tar") as archive:
            files = {name: oci.content_of(archive, archive.getmember(name)) for name in archive.getnames()}
        (entry,) = json.loads(files["index.json"])["manifests"]
        (docker,) = json.loads(files["manifest.json"])
        manifest = json.loads(files[entry["digest"].replace("sha256:", "blobs/sha256/")])
        self.assertEqual(entry["digest"], digest)
        self.assertEqual(manifest["annotations"], {"org.opencontainers.image.version": "1"})
        self.assertEqual((docker["RepoTags"], len(docker["Layers"])), (["program:1"], 2))

    def test_equal_folders_give_equal_bytes(self) -> None:
        self.write("a.tar")
        for path in (self.folder / "base").rglob("*"):
            if not path.is_symlink():
                os.utime(path, (1, 2))
        self.write("b.tar")
        self.assertEqual((self.folder / "a.tar").read_bytes(), (self.folder / "b.tar").read_bytes())

    def test_a_blob_that_is_not_its_digest_is_noticed(self) -> None:
        self.write("a.tar")
        with tarfile.open(self.folder / "a.tar") as source, tarfile.open(self.folder / "b.tar", "w") as target:
            for member in source:
                content = oci.content_of(source, member)
                if member.name.startswith("blobs/"):
                    content = content[:-1] + bytes([content[-1] ^ 1])
                target.addfile(member, io.BytesIO(content))
        with self.assertRaisesRegex(Failure, "the image has no sha256:"):
            oci.read(self.folder / "b.tar")

    def test_files_stay_within_the_image(self) -> None:
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("a/../../b"))
        with self.assertRaisesRegex(Failure, "leads out of the image"):
            oci.unpack([layer.getvalue()], self.folder)

    def program(self, machine: int) -> Path:
        path = self.folder / "program"
        path.write_bytes(b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little"))
        return path

    def test_a_program_for_another_processor_is_refused(self) -> None:
        with self.assertRaisesRegex(Failure, "is not a program for linux/arm64"):
            image.check(self.program(62), self.folder, "arm64", False)
        with self.assertRaisesRegex(Failure, "is not there"):
            image.check(self.folder / "nothing", self.folder, "arm64", False)

    def test_zips_of_both_processors_are_asked_for(self) -> None:
        for name in image.zips("arm64", only_own_functions=True):
            (self.folder / name).touch()
        image.check(self.program(183), self.folder, "arm64", True)
        with self.assertRaisesRegex(Failure, "has no sender-x86_64.zip, runner-x86_64.zip; build them with"):
            image.check(self.program(183), self.folder, "arm64", False)

    def test_licences_are_all_that_stays_of_the_documentation(self) -> None:
        self.layer("base", {"usr/share/doc/a/copyright": "", "usr/share/doc/a/changelog": "", "usr/share/man/a": "",
                            "usr/lib/x86_64-linux-gnu/gconv/a.so": "", "usr/lib/x86_64-linux-gnu/libc.so": ""})
        image.slim(self.folder / "base")
        files = {path.relative_to(self.folder / "base").as_posix() for path in (self.folder / "base").rglob("*") if path.is_file()}
        self.assertEqual(files, {"usr/share/doc/a/copyright", "usr/lib/x86_64-linux-gnu/libc.so"})

    def test_the_image_has_the_uv_that_tests_have(self) -> None:
        text = (paths.HACK / "image/uv.txt").read_text()
        self.assertIn(f"\nuv=={tools.UV_VERSION} ", text)
        self.assertEqual(text.count("--hash=sha256:"), len(image.ARCHITECTURES))

    def test_the_dockerfile_says_the_same(self) -> None:
        text = (paths.HACK / "image/Dockerfile").read_text()
        config = image.configuration()
        self.assertIn(f"\nENV {' '.join(config['Env'])}\n", text)
        self.assertIn(f"\nUSER {config['User']}\n", text)
        self.assertIn(f"\nENTRYPOINT {json.dumps(config['Entrypoint'])}\n", text)
        self.assertIn(f"FROM --platform=$BUILDPLATFORM debian:{debian.SUITE}-slim ", text)
        toolchain = (paths.ROOT / "rust-toolchain.toml").read_text()
        self.assertIn(f'channel = "{text.split("rust:")[1].split("-")[0]}"', toolchain)

    def test_packages_are_checked_with_keys_that_are_there(self) -> None:
        text = debian.sources("http://mirror.example")
        keys = [key for line in text.splitlines() if line.startswith("Signed-By: ") for key in line[11:].split(",")]
        self.assertEqual(len(keys), 3)
        for key in keys:
            self.assertIn("BEGIN PGP PUBLIC KEY BLOCK", Path(key).read_text())
        self.assertIn("APT::Architecture=arm64", debian.options(self.folder, "arm64"))

    def test_without_root_a_user_namespace_is_entered(self) -> None:
        as_root, _ = image_check.entered(Path("/root"), CONFIG, ["run"], {"C": "d"}, user=0)
        self.assertNotIn("--user", as_root)
        self.assertIn("--userspec=65532:65532", as_root)
        command, outer = image_check.entered(Path("/root"), CONFIG, ["run"], {"C": "d"}, user=1000)
        self.assertIn("--user", command)
        self.assertNotIn("--userspec=65532:65532", command)
        self.assertEqual(command[-8:-5] + command[-3:], ["/root", "PATH=/bin", "A=b=c", "/root", "/bin/program", "run"])
        self.assertNotIn("A", outer)

    def test_the_time_is_that_of_the_sources(self) -> None:
        with mock.patch.dict(os.environ, {"SOURCE_DATE_EPOCH": "86400"}):
            self.assertEqual(image.created(), "1970-01-02T00:00:00Z")


if __name__ == "__main__":
    unittest.main()
