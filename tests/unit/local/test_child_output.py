"""A child's output appears line by line under its name."""

from __future__ import annotations

import io
import logging
import os
import sys
import time

from carbon_stream.local.child import Child, Console


def _printed(code: str) -> str:
    out = io.StringIO()
    child = Child("part", [sys.executable, "-c", code], os.environ, Console(out))
    deadline = time.monotonic() + 20
    while child.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.close(0)
    return out.getvalue()


def test_lines_of_both_streams_carry_the_name() -> None:
    printed = _printed("import sys; print('one', flush=True); print('two', file=sys.stderr)")
    assert printed == "    part | one\n    part | two\n"


def test_bytes_that_are_no_text_and_endless_lines_do_no_harm() -> None:
    printed = _printed(r"import sys; sys.stdout.buffer.write(b'\xff' + b'x' * 200_000); sys.stdout.flush()")
    assert printed.count("x") == 200_000
    assert max(map(len, printed.splitlines())) < 66_000


def test_terminal_modes_are_left_out() -> None:
    printed = _printed(r"print('a\x1b[?25hb'); print('\x1b[?25h'); print(flush=True)")
    assert printed == "    part | ab\n    part | \n"


def test_console_that_has_gone_is_no_reason_to_fail() -> None:
    out = io.StringIO()
    console = Console(out)
    out.close()
    console.say("nobody hears this")


def test_log_messages_are_shown_while_asked_for() -> None:
    out = io.StringIO()
    console = Console(out)
    logger = logging.getLogger("carbon_stream.local.a_test")
    with console.logging("carbon_stream.local", logging.INFO):
        logger.info("fetching %s", "Kafka")
        logger.debug("too much")
    logger.warning("afterwards")
    assert out.getvalue() == "     dev | fetching Kafka\n"
