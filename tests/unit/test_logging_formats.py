import json
import logging
import subprocess
import sys

from carbon_stream.observability.logging import JsonFormatter


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "carbon_stream.x", "levelname": "INFO", "msg": message, "created": 1.5})
    made.msecs = 500.0
    vars(made).update(extra)
    return made


def test_json_is_one_object_a_line_with_utc_time_and_extras() -> None:
    line = JsonFormatter().format(record("two\nlines", topic="audit-api-calls", offset=7, ratio=float("nan")))
    assert "\n" not in line
    data = json.loads(line)
    assert data["time"] == "1970-01-01T00:00:01.500Z"
    assert (data["level"], data["logger"], data["message"]) == ("INFO", "carbon_stream.x", "two\nlines")
    assert (data["topic"], data["offset"], data["ratio"]) == ("audit-api-calls", 7, "nan")


def test_a_long_field_is_cut() -> None:
    data = json.loads(JsonFormatter().format(record("x" * 10_000, key="y" * 10_000)))
    assert len(data["message"]) == len(data["key"]) == 2_048


def test_libraries_that_would_log_records_stay_quiet_at_debug() -> None:
    code = (
        "import logging; from carbon_stream.observability.logging import configure; configure('DEBUG', 'json');"
        "logging.getLogger('aiokafka.producer').debug('payload'); logging.getLogger('carbon_stream').debug('ours')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert [json.loads(line)["message"] for line in done.stderr.splitlines()] == ["ours"]
    assert done.stdout == ""


def test_what_aiokafka_settles_by_itself_is_no_error() -> None:
    code = (
        "import logging; from carbon_stream.observability.logging import configure; configure('INFO', 'json');"
        "log = logging.getLogger('aiokafka.cluster'); log.error('Topic %s not found in cluster metadata', 'x');"
        "log.error('Broker gone')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert [json.loads(line)["message"] for line in done.stderr.splitlines()] == ["Broker gone"]
