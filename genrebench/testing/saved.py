"""Whether saved files hold code, by their content: pickles of any protocol, arrays of objects, source and machine code."""

from __future__ import annotations

import ast
import binascii
import bz2
import gzip
import io
import json
import lzma
import pickle
import pickletools
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MAX_DEPTH = 4
"""Archives within archives that are looked into."""

MAX_BYTES = 256 * 1024 * 1024
"""Bytes that are unpacked at most."""


def code_in(folder: Path) -> str | None:
    """Return which of the files in a folder holds code, and why; None if none does."""
    for file in sorted(folder.rglob("*")):
        name = str(file.relative_to(folder))
        if file.is_symlink():
            return f"{name} is a link, which leads elsewhere on another machine"
        if file.is_file():
            for where, kind in _code(file.read_bytes(), name, 0):
                return f"{where} {kind}"
    return None


def _code(data: bytes, name: str, depth: int) -> Iterator[tuple[str, str]]:
    """Where in some bytes there is code, and of which kind."""
    kind = next((kind for kind, found in _KINDS.items() if found(data)), None)
    if kind is None and _is_source(data, whole=depth == 0):
        kind = "is source code in Python"
    if kind is not None:
        yield name, kind
        return
    if depth < MAX_DEPTH:
        for inner, content in _unpacked(data):
            yield from _code(content, f"{name}/{inner}" if inner else name, depth + 1)


class _Refused(Exception):  # noqa: N818, never leaves this module
    """A pickle names a class or a function."""


class _Harmless(pickle.Unpickler):
    """Reads a pickle up to the first name of a class or function: until there, it can't run anything."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ARG002
        raise _Refused

    def persistent_load(self, pid: Any) -> Any:  # noqa: ARG002
        raise _Refused


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


def _holds_pickle(data: bytes) -> bool:
    """Whether there is a pickle somewhere inside, behind a header for example, that names a class or a function."""
    for found in re.finditer(rb"\x80[\x02-\x05]", data):
        stream = io.BytesIO(data)  # shares the bytes
        stream.seek(found.start())
        names = 0
        try:
            for opcode, argument, _ in pickletools.genops(stream):  # reads, and makes nothing
                if opcode.name in ("GLOBAL", "INST") and all(map(_NAME.fullmatch, str(argument).split(" "))):
                    return True
                names += "UNICODE" in opcode.name and _NAME.fullmatch(str(argument)) is not None
                if opcode.name == "STACK_GLOBAL" and names >= 2:
                    return True
        except Exception:  # noqa: S112, no pickle begins here
            continue
    return False


def _is_pickle(data: bytes) -> bool:
    """Whether the bytes begin with a pickle of protocol 0 to 5."""
    if not data or data[:1] in b"{[#<\x93\x00PR":  # none of these begins a pickle that says anything
        return False
    stream = io.BytesIO(data)
    try:
        _Harmless(stream).load()
    except _Refused:
        return True
    except Exception:  # whatever a file that isn't a pickle makes of the machine
        return False
    return stream.tell() >= 6 or data[:1] == b"\x80"


def _is_object_array(data: bytes) -> bool:
    """Whether the bytes are a NumPy file whose values are Python objects, which NumPy stores as a pickle."""
    if not data.startswith(b"\x93NUMPY"):
        return False
    header = data[8 : 8 + 65_536].split(b"\n", 1)[0]
    return re.search(rb"'descr':.*['\"]\|?O", header) is not None


def _is_source(data: bytes, *, whole: bool) -> bool:
    """Whether the bytes are the source of a program in Python, or one of a function; if not a `whole` file, calls are names."""
    try:
        text = data.decode().strip()
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    kinds: Any = ast.FunctionDef | ast.ClassDef | ast.Lambda
    if whole or "\n" in text:
        kinds |= ast.Import | ast.ImportFrom
    return any(isinstance(node, kinds | ast.Call if whole else kinds) for node in ast.walk(tree))


def _names_python(data: bytes) -> bool:
    """Whether the bytes are YAML that names objects of Python, which its unsafe loader makes."""
    return b"!!python/" in data


def _is_machine_code(data: bytes) -> bool:
    """Whether the bytes are a library, a program, or compiled Python."""
    compiled = len(data) > 16 and data[2:4] == b"\r\n" and 3000 < int.from_bytes(data[:2], "little") < 4500
    # marshal: a code object, four small numbers, flags, and its bytes
    numbers = [int.from_bytes(data[i : i + 4], "little") for i in range(1, 17, 4)]
    marshalled = len(data) > 40 and data[0] & 0x7F == ord("c") and max(numbers) < 2**16 and data[21] & 0x7F == ord("s")
    return compiled or marshalled or data.startswith((b"\x7fELF", b"MZ\x90\x00", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"))


_KINDS: dict[str, Callable[[bytes], bool]] = {
    "is a pickle": _is_pickle,
    "is an array of Python objects, which NumPy stores as a pickle": _is_object_array,
    "is compiled code": _is_machine_code,
    "is a script": lambda data: data.startswith(b"#!"),
    "is YAML that names Python objects": _names_python,
    "has a pickle inside": _holds_pickle,
}

_PACKED: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = (
    (b"\x1f\x8b", gzip.decompress),
    (b"BZh", bz2.decompress),
    (b"\xfd7zXZ\x00", lzma.decompress),
    (b"]\x00\x00", lzma.decompress),
    (b"\x78", zlib.decompress),
)


_WRITTEN = re.compile(rb"[A-Za-z0-9+/=]{16,}(?:\r?\n[A-Za-z0-9+/=]+)*")
"""What may be base64 or hexadecimal, in one line or several."""


def _unpacked(data: bytes) -> Iterator[tuple[str, bytes]]:
    """What is packed in some bytes: members of archives, compressed bytes, text in base64, arrays of bytes."""
    if data.startswith(b"PK"):
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for member in archive.infolist():
                    if not member.is_dir() and member.file_size < MAX_BYTES:
                        yield member.filename, archive.read(member)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error):
            return
    if data[257:262] == b"ustar":
        try:
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                for entry in tar:
                    content = tar.extractfile(entry) if entry.isfile() and entry.size < MAX_BYTES else None
                    if content is not None:
                        yield entry.name, content.read()
        except tarfile.TarError:
            return
    for start, unpack in _PACKED:
        if data.startswith(start):
            try:
                yield "", unpack(data)
            except (OSError, EOFError, zlib.error, lzma.LZMAError):
                continue
    if data.startswith(b"\x93NUMPY") and re.search(rb"'descr':\s*'\|?(u1|i1|S|V)", data[:256]):
        yield "", data.split(b"\n", 1)[-1]
    yield from _texts(data)


def _texts(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Bytes in base64 or hexadecimal in a file of text, and as numbers in JSON."""
    for written in _WRITTEN.findall(data):
        text = b"".join(written.split())
        for decode in (lambda text: binascii.a2b_base64(text, strict_mode=True), binascii.unhexlify):
            try:
                yield "", decode(text)
            except ValueError:
                continue
    if data[:1] not in (b"{", b"[", b'"'):
        return
    try:
        values = [json.loads(data)]
    except (ValueError, RecursionError):
        return
    while values:
        value = values.pop()
        if isinstance(value, dict):
            values += value.values()
        elif isinstance(value, list):
            if value and all(isinstance(v, int) and 0 <= v < 256 for v in value):
                yield "", bytes(value)
            else:
                values += [v for v in value if isinstance(v, dict | list | str)]
        elif isinstance(value, str) and len(value) >= 9:
            yield "", value.encode("utf-8", "replace")
