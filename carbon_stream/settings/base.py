"""What every part of the settings has in common: where values come from, and the error that names them."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from carbon_stream.errors import OperatorError

ENV_PREFIX = "CARBON_STREAM_"


class SettingsError(OperatorError):
    """The environment does not make valid settings; the message names each variable and what to do."""


def platform(name: str, default: Any = None, **more: Any) -> Any:
    """A field whose variable has the platform's name, without our prefix."""
    return Field(default, validation_alias=name, **more)


class Part(BaseSettings):
    """The settings of one subject; `Settings` puts the parts together."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        validate_by_name=True,
        validate_by_alias=True,
        hide_input_in_errors=True,  # an error may be about a secret
    )
