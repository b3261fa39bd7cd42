"""One thread for the matrix libraries while small problems are solved one after the other.

Handing a 30 x 30 product to several threads costs more than the product, and on a busy machine fifty times more.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any


class _Holder:
    """Counts who wants one thread: the first to come sets it, the last to leave puts back what was."""

    def __init__(self) -> None:
        self.lock, self.users = Lock(), 0
        self.controller: Any = None
        self.limiter: Any = None

    def enter(self) -> None:
        with self.lock:
            self.users += 1
            if self.users > 1:
                return
            if self.controller is None:
                import scipy.linalg  # noqa: F401 - its library must be loaded before libraries are looked for
                from threadpoolctl import ThreadpoolController

                self.controller = ThreadpoolController()
            self.limiter = self.controller.limit(limits=1)

    def leave(self) -> None:
        with self.lock:
            self.users -= 1
            if self.users == 0:
                self.limiter.restore_original_limits()


_HOLDER = _Holder()


@contextmanager
def one_library_thread() -> Iterator[None]:
    """Hold matrix libraries to one thread inside the block; may be nested, and entered from several threads."""
    _HOLDER.enter()
    try:
        yield
    finally:
        _HOLDER.leave()
