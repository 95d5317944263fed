"""However a body is cut into pieces, its lines are those of the whole."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from carbon_stream.ingest.formats import lines
from carbon_stream.ingest.formats.lines import LineCutter
from carbon_stream.ingest.formats.native import NDJSON, split

TEXT = st.lists(st.sampled_from([b"{}", b"\n", b"\r\n", b" ", b"xyz", b"\xef\xbb\xbf", b"0123456789" * 3, b"\t"])).map(
    b"".join
)


@given(body=TEXT, cuts=st.lists(st.integers(0, 200), max_size=10), chunk_lines=st.integers(1, 4))
def test_lines_do_not_depend_on_the_pieces(body: bytes, cuts: list[int], chunk_lines: int) -> None:
    places = sorted({0, len(body), *(cut for cut in cuts if cut <= len(body))})
    cutter = LineCutter(100, chunk_lines)
    chunks = [chunk for a, b in pairwise(places) for chunk in cutter.feed(body[a:b])]
    chunks += cutter.end()
    assert all(0 < len(chunk) <= chunk_lines for chunk in chunks)
    found = [line for chunk in chunks for line in chunk]
    plain = body.removeprefix(b"\xef\xbb\xbf")
    wanted = list(split(NDJSON, body, 10**9)[0]) if plain and not plain.isspace() else []
    shortened = [line if len(line) <= 100 else line[:101] for line in wanted]
    assert [line if len(line) <= 100 else line[:101] for line in found] == shortened


@given(length=st.integers(0, 300), piece=st.integers(1, 50))
def test_a_long_line_is_kept_only_as_far_as_it_shows_that_it_is_too_long(length: int, piece: int) -> None:
    body = b"x" * length
    cutter = LineCutter(100, 10)
    for begin in range(0, length, piece):
        assert list(cutter.feed(body[begin : begin + piece])) == []
    found = [line for chunk in cutter.end() for line in chunk]
    assert found == ([body[: 100 + 4]] if body else [])


def test_a_chunk_ends_by_its_bytes_too() -> None:
    cutter = LineCutter(1 << 20, 500)
    chunks = [*cutter.feed((b"x" * 300_000 + b"\n") * 10), *cutter.end()]
    assert [len(chunk) for chunk in chunks] == [4, 4, 2]
    assert all(sum(map(len, chunk)) < lines.CHUNK_BYTES + 300_000 for chunk in chunks)
