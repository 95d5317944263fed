"""A program that produces under load and writes down what was reported as delivered."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path


async def run_load(
    command: Sequence[str], told: Path, *, kill: bool, environment: Mapping[str, str] | None = None
) -> tuple[int, str, list[str]]:
    """Runs it to its end, or gives it SIGTERM in the middle: its status, its errors, and the ids in the file `told`.

    The program prints a line when it begins.
    """
    process = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-1, env=environment)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        await process.stdout.readline()
        if kill:
            while len(_ids(told)) < 500:
                await asyncio.sleep(0.02)
            process.send_signal(signal.SIGTERM)
        errors = (await process.stderr.read()).decode()
        status = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return status, errors, _ids(told)


def _ids(told: Path) -> list[str]:
    return told.read_text().split() if told.exists() else []
