"""Arrays in compressed files: unpacked once, in memory or, where they are large, on disk."""

import gzip
import os
import shutil
import tempfile
import threading
import weakref
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from neurochem.errors import InputError

# Share of the memory available that an unpacked image may take before it goes to disk.
_SHARE_OF_MEMORY = 0.5
_COPY_BYTES = 4_000_000


def available_memory() -> int:
    """Return bytes of memory that programs may still take, the container's limit included; 4 GB where nothing says it."""
    known = [_meminfo(), _container()]
    found = [value for value in known if value is not None]
    return max(min(found), 0) if found else 4_000_000_000


def _meminfo() -> int | None:
    """Return what Linux says is available, elsewhere half of the physical memory."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (OSError, ValueError, AttributeError):
        return None


def _container() -> int | None:
    """Return what a control group leaves, if there is a limit."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit = int((folder / "memory.max").read_text(encoding="ascii"))
        return limit - int((folder / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


class UnpackedArray:
    """A compressed array, unpacked whole when first needed: slicing it would unpack it again for every slice.

    Stored numbers are kept and scaled only where a part is asked for, which halves the memory or better. An array larger
    than the limit goes to an uncompressed file, read in parts, which is deleted with this object, at the latest at exit.

    Parameters
    ----------
    path : path
        A `.nii.gz` file.
    proxy : nibabel array proxy
        Its array.
    limit_bytes : int, optional
        Largest size in memory; by default half of the memory available when it is first needed.

    Raises
    ------
    InputError
        On slicing, if the disk has too little room.
    """

    def __init__(self, path: Path, proxy: Any, limit_bytes: int | None = None) -> None:
        self._path, self._proxy, self._limit = path, proxy, limit_bytes
        self._values: Any = None
        self._lock = threading.Lock()
        self.shape = proxy.shape

    def __getitem__(self, index: Any) -> Any:
        """Return a part, scaled, as the proxy itself would."""
        # two threads must not unpack it twice
        with self._lock:
            if self._values is None:
                self._values = self._unpacked()
        part = self._values[index]
        slope, inter = self._proxy.slope, self._proxy.inter
        if slope == 1 and inter == 0:
            return part
        return np.asarray(part, dtype=float) * slope + inter

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs to unpack it for itself."""
        return {**self.__dict__, "_values": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take up where `__getstate__` left off."""
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def _unpacked(self) -> Any:
        """Return stored values as an array in memory, or mapped from a temporary file."""
        limit = _SHARE_OF_MEMORY * available_memory() if self._limit is None else self._limit
        size = int(np.prod(self.shape)) * self._proxy.dtype.itemsize
        try:
            return self._in_memory(size) if size <= limit else self._on_disk(size)
        except zlib.error as error:
            raise OSError(str(error)) from error

    def _in_memory(self, size: int) -> np.ndarray:
        """Return the stored values, read a piece at a time up to the check sum at the end, which a plain read would skip."""
        data = np.empty(size, dtype=np.uint8)
        done = 0
        with gzip.open(self._path, "rb") as source:
            source.seek(self._proxy.offset)
            while piece := source.read(_COPY_BYTES):
                taken = min(len(piece), size - done)
                data[done : done + taken] = np.frombuffer(piece, dtype=np.uint8, count=taken)
                done += taken
        self._check(done, size)
        return np.ndarray(self.shape, self._proxy.dtype, buffer=data.data, order="F")

    @staticmethod
    def _check(done: int, size: int) -> None:
        if done < size:
            msg = f"expected {size} bytes of data, got {done}"
            raise OSError(msg)

    def _on_disk(self, size: int) -> Any:
        """Return the stored values from a temporary file, read where they are sliced."""
        from nibabel.arrayproxy import ArrayProxy

        folder = Path(tempfile.gettempdir())
        free = shutil.disk_usage(folder).free
        if free < size:
            msg = (
                f"{self._path}: unpacked it takes {size / 1e9:.2f} GB, more than the memory limit, and {folder} has only "
                f"{free / 1e9:.2f} GB free; set TMPDIR to a larger disk, unpack the file beforehand, or raise memory_limit_bytes"
            )
            raise InputError(msg)
        handle, name = tempfile.mkstemp(prefix="neurochem_", suffix=".nii", dir=folder)
        weakref.finalize(self, _remove, name)
        with os.fdopen(handle, "wb") as target, gzip.open(self._path, "rb") as source:
            shutil.copyfileobj(source, target, _COPY_BYTES)
            done = target.tell() - self._proxy.offset
        self._check(done, size)
        # the same layout without scaling
        return ArrayProxy(name, (self.shape, self._proxy.dtype, self._proxy.offset, 1.0, 0.0), mmap=False)


def _remove(name: str) -> None:
    Path(name).unlink(missing_ok=True)
