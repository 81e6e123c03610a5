"""Other people's packages, found when they are needed: cgraph itself asks for NumPy alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from cgraph.errors import MissingPackageError


def package(module: str, what: str, extra: str) -> Any:
    """A module of another package, for `what`; `extra` is the extra of cgraph that brings it.

    Raises:
        MissingPackageError: when it is not installed; the message says how to get it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        name = module.partition(".")[0]
        shown = {"scipy": "SciPy"}.get(name, name)
        raise MissingPackageError(
            f'{what} needs {shown}: pip install "cgraph[{extra}]"', name=name
        ) from error


def scipy(module: str, what: str) -> Any:
    """``scipy.<module>``, for `what`; see `package`."""
    return package(f"scipy.{module}", what, "scipy")


@contextmanager
def followed(
    module: Any, enter: Callable[[str, Any, Any], Any], leave: Callable[[str], Any]
) -> Iterator[None]:
    """Be told of the way through a `torch.nn.Module`: ``enter(path, submodule, args)`` and ``leave(path)``, "" for itself."""
    hooks = []
    for path, part in module.named_modules():
        # What a hook returns would take the place of the arguments, or of the result.
        def before(part: Any, args: Any, path: str = path) -> None:
            enter(path, part, args)

        def after(part: Any, args: Any, result: Any, path: str = path) -> None:
            leave(path)

        hooks += [part.register_forward_pre_hook(before), part.register_forward_hook(after)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def installed(package: str) -> bool:
    """Whether a package could be imported; it is not."""
    return find_spec(package) is not None
