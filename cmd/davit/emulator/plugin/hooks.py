"""Changes to the emulator's own functions, each checked when the process starts.

A hook replaces one function of a MiniStack module. It names the parameters it was written for, so an emulator
that renamed or reshaped the function stops at start with the hook's name, instead of silently losing an event.
"""

import functools
import importlib.metadata
import inspect


class HookError(RuntimeError):
    """The emulator no longer has what a hook leans on."""


def wrap(module, name, parameters, replacement):
    """Replace ``module.name`` by ``replacement(original, *the same arguments)``, in the module's tables, too.

    ``parameters`` are the names the original must take, in order.
    """
    original = function(module, name, parameters)

    @functools.wraps(original)
    def hooked(*arguments, **keywords):
        return replacement(original, *arguments, **keywords)

    setattr(module, name, hooked)
    for table in [value for value in vars(module).values() if isinstance(value, dict)]:
        _replace(table, original, hooked)


def _replace(table, original, hooked):
    """Put the hook where the module's own tables of handlers, or the tables in them, have the original."""
    for key, value in table.items():
        if value is original:
            table[key] = hooked
        elif isinstance(value, dict) and original in value.values():
            _replace(value, original, hooked)


def function(module, name, parameters):
    """``module.name``, which must be a function that takes exactly ``parameters``."""
    original = attribute(module, name)
    if not callable(original):
        raise _broken(module, name, "is no longer a function")
    found = tuple(inspect.signature(original).parameters)
    if found != tuple(parameters):
        raise _broken(module, name, f"takes {found}, the hook was written for {tuple(parameters)}")
    return original


def attribute(module, name):
    """``module.name``, which must exist."""
    if not hasattr(module, name):
        raise _broken(module, name, "is gone")
    return getattr(module, name)


def _broken(module, name, what):
    try:
        version = importlib.metadata.version("ministack")
    except importlib.metadata.PackageNotFoundError:
        version = "of unknown version"
    return HookError(f"hook {module.__name__}.{name}: it {what} in ministack {version}")
