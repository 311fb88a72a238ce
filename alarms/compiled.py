"""Compiles the engine's loops over readings to machine code, at their first call.

A kernel is plain Python over numpy arrays that walks readings in order of receipt; the uncompiled
function stays reachable as `kernel.py_func`, so that tests can hold the compiled one to it. No
fast-math: a machine gives the same bits whenever it judges the same readings again.

A kernel makes no arrays, it is given room: whoever calls it holds every array it sees. So it counts
no references, which would stop the processor several times for each reading.

Machine code is kept on disk where a folder can be written. It is found again only where everything
it was compiled from is the same: the code, the kernels it calls, the constants it names, the
options it was compiled with.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import CodeType, ModuleType
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np
from numba.core.caching import FunctionCache

F = TypeVar("F", bound=Callable[..., object])

_ROOM: Final = "alarms."
_OPTIONS: Final[Mapping[str, Any]] = {"error_model": "numpy", "nogil": True, "_nrt": False}
"""`nogil`: a start learns in a thread while the event loop takes in what comes next. `_nrt`: arrays
are borrowed (numba's runtime, which counts references, is left out); one that would make an array
does not compile."""


class _Kept(FunctionCache):
    """Machine code on disk, under a digest of all it was compiled from.

    Numba looks at the age of the function's own file only: a changed kernel or constant of another
    file would go unnoticed. Looked at when it is wanted, for kernels below in a file count too.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:  # noqa: ANN401  # numba's own
        self._cache_file._source_stamp = origin(self._py_func)  # noqa: SLF001
        return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]  # numba's


def kernel(function: F) -> F:
    """Compile a function."""
    compiled: Any = numba.njit(**_OPTIONS)(function)
    with suppress(RuntimeError):  # nowhere to keep it: each process compiles for itself
        compiled._cache = _Kept(function)  # type: ignore[no-untyped-call]  # noqa: SLF001  # numba's
    return cast("F", compiled)


def origin(function: Callable[..., object]) -> str:
    """Return a digest of everything a kernel is compiled from."""
    digest = hashlib.blake2b(repr(_OPTIONS).encode(), digest_size=16)
    for part in _parts(function.__code__, function.__globals__):
        digest.update(part)
    return digest.hexdigest()


def _parts(code: CodeType, names: dict[str, object]) -> Iterator[bytes]:
    yield code.co_code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _parts(constant, names)
        else:
            yield repr(constant).encode()
    for name in code.co_names:
        yield name.encode()
        value = names.get(name)
        if isinstance(value, ModuleType) and value.__name__.startswith(_ROOM):
            for inner in code.co_names:
                yield _seen(getattr(value, inner, None))
        else:
            yield _seen(value)


def _seen(value: object) -> bytes:
    """Return what a name stands for, as far as it is compiled in."""
    if isinstance(value, np.ndarray):
        return value.tobytes()
    plain = getattr(value, "py_func", None)
    if plain is not None:
        return origin(plain).encode()
    return repr(value).encode() if isinstance(value, int | float | str | tuple) else b""
