"""The operator's image: made of files, without a daemon; and run from its files alone, to see that nothing is missing."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from devenv import build, image, image_check, paths
from devenv.console import Failure, fail


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, help_ in (("build", "assemble an OCI archive, which `docker load` takes too"),
                        ("root", "put the image's files into a folder")):
        command = commands.add_parser(name, help=help_)
        command.add_argument("--architecture", choices=image.ARCHITECTURES, default=paths.machine()[1])
        command.add_argument("--operator", type=Path, help="the binary; without it, a release is built")
        command.add_argument("--functions", type=Path, help="folder of the zips; without it, those of both processors are built")
        command.add_argument("--only-own-functions", action="store_true", help="zips of the image's processor suffice")
        command.add_argument("--output", type=Path)
    commands.add_parser("try", help="make an image of the debug build and this processor's zips, and check it")
    command = commands.add_parser("check", help="run what is in an archive, from its files alone")
    command.add_argument("archive", type=Path)
    arguments = parser.parse_args()
    try:
        run(arguments)
    except Failure as failure:
        fail(failure)
        return 1
    return 0


def run(arguments: argparse.Namespace) -> None:
    """Does what was asked for."""
    if arguments.command == "check":
        image_check.check(arguments.archive)
        return
    if arguments.command == "try":
        image_check.check_debug_build()
        return
    operator = arguments.operator or build.operator("release")
    if arguments.functions is None:
        build.functions("host" if arguments.only_own_functions else "all")
    functions = arguments.functions or paths.FUNCTIONS
    what = (operator, functions, arguments.architecture, arguments.only_own_functions)
    folder = paths.ROOT / "target" / "image"
    if arguments.command == "build":
        image.build(arguments.output or folder / f"task-pipelines-{arguments.architecture}.tar", *what)
    else:
        image.root(arguments.output or folder / f"root-{arguments.architecture}", *what)


if __name__ == "__main__":
    sys.exit(main())
