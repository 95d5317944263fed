"""`carbon-stream drain`: what a pod of ingest does before it goes."""

from __future__ import annotations

import re
import sys
import time
import urllib.error
import urllib.request

import click

from carbon_stream.commands.frame import load, seconds_option

_WAITING = re.compile(r"^carbon_stream_spool_events(?:\{[^}]*\})? ([0-9.e+]+)$", re.MULTILINE)
_BODY_MAX = 16 << 20


@click.command("drain")
@seconds_option("--settle", "settle_s", "Seconds until nobody sends here any more.", default=5.0, most=300)
@seconds_option("--wait", "wait_s", "Seconds that what is kept here may take to be sent.", default=600.0, most=86_400)
def drain(settle_s: float, wait_s: float) -> None:
    """Wait until the service on this machine has no event left that Kafka does not have.

    For a pod's preStop: it is asked for its metrics until its spool is empty. Exit status 1 when it is not in time;
    the events stay where they are then, and are sent when the service is started there again.
    """
    port = load().http_port
    time.sleep(settle_s)
    end = time.monotonic() + wait_s
    while left := _left(port):
        if time.monotonic() >= end:
            click.echo(f"carbon-stream: {left:.0f} events are still kept here after {wait_s:g} s", err=True)
            sys.exit(1)
        time.sleep(min(1.0, wait_s))


def _left(port: int) -> float:
    """Events that wait; 0 where nothing keeps any, or nobody listens: then there is nobody to wait for.

    Who listens and cannot say counts as one event.
    """
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read(_BODY_MAX).decode("utf-8", "replace")
    except urllib.error.HTTPError:
        return 1.0
    except urllib.error.URLError as error:
        return 0.0 if isinstance(error.reason, ConnectionRefusedError) else 1.0
    except OSError:
        return 1.0
    return sum(float(value) for value in _WAITING.findall(text))
