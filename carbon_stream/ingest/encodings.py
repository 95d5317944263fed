"""Content encodings of bodies, decompressed in steps: no chunk is blown up further than a step before limits are seen.

gzip (RFC 1952), deflate (zlib's form, RFC 1950, and the bare one, RFC 1951, that some senders mean by it), zstd
(RFC 8878, windows of at most 8 MiB as RFC 9659 has it for HTTP) and br (RFC 7932).

A decoder keeps a window of what it has put out, never more than that, so its memory follows what the limits see.
"""

import sys
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["DECODERS", "ENCODINGS", "STEP_BYTES", "Damaged", "Decoder"]

STEP_BYTES: Final = 1 << 20
"""Put out at a time."""
_PARTS_MAX: Final = 10_000
"""Gzip members or zstd frames in one body: each costs a copy of what follows, and an empty one takes 20 bytes."""
_WINDOW_LOG_MAX: Final = 23


class Damaged(ValueError):
    """The bytes are not what their encoding says."""


class Decoder(ABC):
    """Decodes one body, chunk by chunk."""

    @abstractmethod
    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """What the next chunk decodes to, in pieces of about STEP_BYTES at most. Raises Damaged."""

    @abstractmethod
    def finish(self) -> None:
        """The body has ended. Raises Damaged where it should not have; an empty body is complete."""


class _Parts(Decoder):
    """Encodings whose bodies are one part after the other."""

    parts_max = _PARTS_MAX

    def __init__(self) -> None:
        self._parts = 0
        self._open = False

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > self.parts_max:
            raise Damaged(f"more than {self.parts_max:,} parts" if self.parts_max > 1 else "something follows its end")
        self._open = True

    def finish(self) -> None:
        if self._open:
            raise Damaged("it ends too early")


class _Gzip(_Parts):
    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            if not self._open:
                self._begin()
                self._decoder = zlib.decompressobj(wbits=self._wbits(chunk))
            try:
                piece = self._decoder.decompress(chunk, STEP_BYTES)
                chunk = self._decoder.unconsumed_tail
                while piece:
                    yield piece
                    # what is left may be inside the decoder alone
                    piece = b"" if chunk or self._decoder.eof else self._decoder.decompress(b"", STEP_BYTES)
            except zlib.error as error:
                raise Damaged(str(error)) from None
            if self._decoder.eof:
                self._open = False
                chunk = self._decoder.unused_data

    def _wbits(self, chunk: bytes) -> int:
        return 16 + zlib.MAX_WBITS


class _Deflate(_Gzip):
    parts_max = 1

    def _wbits(self, chunk: bytes) -> int:
        """The first byte tells: zlib's header has 8 (deflate) below; no bare deflate that is written begins so."""
        return zlib.MAX_WBITS if chunk[0] & 0x0F == 8 else -zlib.MAX_WBITS


class _Zstd(_Parts):
    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            if not self._open:
                self._begin()
                self._decoder = zstd.ZstdDecompressor(
                    options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG_MAX}
                )
            try:
                piece = self._decoder.decompress(chunk, STEP_BYTES)
                while piece:
                    yield piece
                    piece = b"" if self._decoder.eof else self._decoder.decompress(b"", STEP_BYTES)
            except zstd.ZstdError as error:
                raise Damaged(str(error)) from None
            chunk = b""
            if self._decoder.eof:
                self._open = False
                chunk = self._decoder.unused_data


class _Brotli(Decoder):
    def __init__(self) -> None:
        self._decoder = brotli.Decompressor()
        self._begun = False

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        self._begun = True
        try:
            piece = self._decoder.process(chunk, output_buffer_limit=STEP_BYTES)
            while piece:
                yield piece
                # it may hold back output although it "can accept more data"
                finished = self._decoder.is_finished()
                piece = b"" if finished else self._decoder.process(b"", output_buffer_limit=STEP_BYTES)
        except brotli.error as error:
            raise Damaged(str(error)) from None

    def finish(self) -> None:
        if self._begun and not self._decoder.is_finished():
            raise Damaged("it ends too early")


DECODERS: Final[Mapping[str, Callable[[], Decoder]]] = MappingProxyType(
    {"gzip": _Gzip, "x-gzip": _Gzip, "deflate": _Deflate, "zstd": _Zstd, "br": _Brotli}
)
"""By content coding, as RFC 9110 and its registry name them."""
ENCODINGS: Final = ("gzip", "deflate", "zstd", "br", "identity")
"""What senders are told; a coding is applied once."""
