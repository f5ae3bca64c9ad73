"""What is replaced inside MiniStack. Most of it is private there, so a new version may lack it or call it differently: each
patch says what it is for, is refused where its target is gone, and is listed by `hack/strict_aws.py --patches`."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

Replacement = TypeVar("Replacement", bound=Callable[..., Any])


class MissingPart(Exception):
    """MiniStack no longer has what a patch replaces."""


@dataclass(frozen=True)
class Patch:
    """One attribute of one of the emulator's modules."""

    module: ModuleType
    name: str
    reason: str
    replace: Callable[[Any], Any]
    """Takes the original and returns what stands in its place."""

    def __str__(self) -> str:
        return f"{self.module.__name__}.{self.name}: {self.reason}"


PATCHES: list[Patch] = []
"""Every patch, in the order in which the modules that hold them were imported."""


def patch(module: ModuleType, name: str, reason: str) -> Callable[[Replacement], Replacement]:
    """Decorates a function that is called in place of `module.name`; its first argument is the original."""

    def register(function: Replacement) -> Replacement:
        _add(Patch(module, name, reason, lambda original: functools.partial(function, original)))
        return function

    return register


def patch_value(module: ModuleType, name: str, value: object, reason: str) -> None:
    """Registers a value that stands in place of `module.name`."""
    _add(Patch(module, name, reason, lambda _original: value))


def install() -> None:
    """Puts every patch in its place."""
    for each in PATCHES:
        setattr(each.module, each.name, each.replace(getattr(each.module, each.name)))


def _add(added: Patch) -> None:
    where = f"{added.module.__name__}.{added.name}"
    if not hasattr(added.module, added.name):
        raise MissingPart(f"MiniStack has no {where} any more, which is replaced so that {added.reason}: find what does its work "
                          "now, and patch that")
    if any((other.module, other.name) == (added.module, added.name) for other in PATCHES):
        raise ValueError(f"{where} is patched twice; make it one patch")
    PATCHES.append(added)
