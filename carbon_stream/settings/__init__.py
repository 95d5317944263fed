"""Settings: read once from the environment, validated, and shown with secrets masked.

Our own variables begin with `CARBON_STREAM_`. The broker's have the platform's names (`KAFKA_…`), which its producer
libraries read too. An empty variable counts as absent. Each subject has a module of its own.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError

from carbon_stream.settings.access import AccessSettings
from carbon_stream.settings.base import ENV_PREFIX, Part, SettingsError
from carbon_stream.settings.gateway import GatewaySettings
from carbon_stream.settings.ingest import IngestSettings
from carbon_stream.settings.kafka import KafkaSettings
from carbon_stream.settings.kinds import Network, Port, Upper, Words
from carbon_stream.settings.live import LiveSettings
from carbon_stream.settings.platform import PlatformSettings
from carbon_stream.settings.repeats import RepeatSettings
from carbon_stream.settings.rules import RulesSettings
from carbon_stream.settings.spool import SpoolSettings
from carbon_stream.settings.streaming import StreamingSettings
from carbon_stream.settings.tracing import TracingSettings

__all__ = ["ENV_PREFIX", "Network", "Settings", "SettingsError", "variable_of"]


def _data_dir() -> Path:
    """The XDG base directory's place for data, or its default (XDG Base Directory Specification 0.8)."""
    base = os.environ.get("XDG_DATA_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".local" / "share"
    return root / "carbon-stream"


def _audited_names(values: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := set(values) - {"users", "resources"}:
        raise ValueError(f"there are no {min(unknown)!r}; give users, resources or both")
    return values


class ProcessSettings(Part):
    """What every process needs."""

    http_host: str = Field("127.0.0.1", description="address that HTTP listens on")
    http_port: Port = Field(8080, description="port that HTTP listens on")
    data_dir: Path = Field(default_factory=_data_dir, description="where the embedded broker and stores keep data")
    admin_token: SecretStr | None = Field(
        None, description="bearer token of the calls that change something (replay); unset: they are off"
    )
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], Upper] = Field(
        "INFO", description="least level that is logged"
    )
    log_format: Literal["human", "json"] = Field("human", description="human or json")
    metrics_names: Annotated[Words, AfterValidator(_audited_names)] = Field(
        (),
        description="whose names /metrics may show, which anybody may read: the users, the resources of the last hour's"
        " audited events, or both, comma-separated; unset: nobody's",
    )


# Pydantic puts the fields of the last part first: the order here is that of `carbon-stream settings`, from its end.
class Settings(
    PlatformSettings,
    GatewaySettings,
    RulesSettings,
    StreamingSettings,
    AccessSettings,
    SpoolSettings,
    RepeatSettings,
    IngestSettings,
    LiveSettings,
    KafkaSettings,
    TracingSettings,
    ProcessSettings,
):
    """All settings. Times carry their unit last in the name, sizes are bytes."""

    app_id: ClassVar[str] = "carbon-stream"  # fixed: consumer group, changelogs and transactions are named after it

    @classmethod
    def load(cls) -> Self:
        """Reads the environment once. Raises SettingsError, which names each wrong variable and never its value."""
        try:
            return cls()
        except ValidationError as error:
            details = error.errors(include_input=False, include_url=False)
        # A default that waits for another setting's value is not an error of its own.
        lines = [_line(dict(detail)) for detail in details if detail["type"] != "default_factory_not_called"]
        raise SettingsError("the settings are not valid:\n  " + "\n  ".join(lines))

    def shown(self) -> list[dict[str, str]]:
        """For people: each setting's variable, value (secrets masked), origin and meaning, in order of definition."""
        rows = []
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            rows.append(
                {
                    "variable": variable_of(name),
                    "value": _show(value),
                    "from": "environment" if name in self.model_fields_set else "default",
                    "meaning": field.description or "",
                }
            )
        return rows


def variable_of(name: str) -> str:
    """The environment variable that sets a field."""
    alias = Settings.model_fields[name].validation_alias
    return alias if isinstance(alias, str) else ENV_PREFIX + name.upper()


def _show(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return "********"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)


def _line(detail: dict[str, Any]) -> str:
    message = str(detail["msg"]).removeprefix("Value error, ")
    names = [str(part) for part in detail["loc"]]
    if not names:
        return message
    variable = names[0] if names[0] not in Settings.model_fields else variable_of(names[0])
    if os.environ.get(variable, "").startswith("tcp://"):
        message += " (Kubernetes sets such variables for services: set enableServiceLinks to false on the pod)"
    return f"{variable}: {message}"
