"""Rules as they are written in YAML: the shape, checked with the place of each mistake. `reading` makes rules of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

__all__ = ["WrittenCondition", "WrittenEndpoint", "WrittenFile", "WrittenRule", "WrittenSecret", "WrittenTarget"]

RULES_MAX = 500
NAME = r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$"

Name = Annotated[StrictStr, Field(pattern=NAME)]
"""Lower case, digits and dashes: names become parts of topics, ids and metrics."""
TopicName = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9._-]{1,200}$")]
Value = StrictStr | StrictBool | StrictInt | StrictFloat | None
Number = StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)]
FieldName = Annotated[StrictStr, Field(min_length=1, max_length=500)]
Text = Annotated[StrictStr, Field(max_length=10_000)]


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class WrittenCondition(_Written):
    """Tests that must all hold."""

    exact: dict[FieldName, Value] | None = Field(None, min_length=1)
    prefix: dict[FieldName, Text] | None = Field(None, min_length=1)
    suffix: dict[FieldName, Text] | None = Field(None, min_length=1)
    gt: dict[FieldName, Number] | None = Field(None, min_length=1)
    gte: dict[FieldName, Number] | None = Field(None, min_length=1)
    lt: dict[FieldName, Number] | None = Field(None, min_length=1)
    lte: dict[FieldName, Number] | None = Field(None, min_length=1)
    all: list[WrittenCondition] | None = Field(None, min_length=1, max_length=200)
    any: list[WrittenCondition] | None = Field(None, min_length=1, max_length=200)
    not_: WrittenCondition | None = Field(None, alias="not")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(value is None for value in vars(self).values()):
            raise ValueError("says nothing: give exact, prefix, suffix, gt, gte, lt, lte, all, any or not")
        return self


class WrittenTarget(_Written):
    """Where a rule sends."""

    topic: TopicName | None = None
    endpoint: Name | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.topic is None) == (self.endpoint is None):
            raise ValueError("give either topic or endpoint")
        return self


class WrittenRepeats(_Written):
    """When a rule that counts sends."""

    by: list[Text] = Field(min_length=1, max_length=8)
    times: int = Field(ge=2, le=1_000, strict=True)
    within_s: int = Field(ge=1, le=86_400, strict=True)


class WrittenRule(_Written):
    """One rule."""

    name: Name
    description: Text = ""
    match: WrittenCondition
    set: dict[FieldName, Any] = Field(default_factory=dict, max_length=200)
    drop: list[FieldName] | Literal["*"] = Field(default_factory=list)
    key: Text | None = None
    to: WrittenTarget
    repeats: WrittenRepeats | None = None


class WrittenSecret(_Written):
    """A value that does not stand in the file."""

    env: Annotated[StrictStr, Field(pattern=r"^[A-Z_][A-Z0-9_]*$")] | None = None
    file: Annotated[StrictStr, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("give either env (a variable's name) or file")
        return self


class WrittenEndpoint(_Written):
    """A URL that events are posted to."""

    url: Text
    method: Literal["POST", "PUT"] = "POST"
    headers: dict[Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")], Text | WrittenSecret] = Field(
        default_factory=dict, max_length=50
    )
    form: dict[FieldName, Any] | None = None
    body: Any = None
    sign: WrittenSecret | None = None
    success: dict[FieldName, Value] = Field(default_factory=dict)
    timeout_s: float = Field(10.0, gt=0, le=120)
    give_up_after_s: float = Field(86_400, ge=1, le=604_800)
    parallel: int = Field(3, ge=1, le=12, strict=True)


class WrittenTopic(_Written):
    """A topic of the rules' own."""

    partitions: int = Field(6, ge=1, le=100, strict=True)
    retention_days: int = Field(7, ge=1, le=3_650, strict=True)


class WrittenShipped(_Written):
    """Whether a rule that ships with the product is on."""

    enabled: StrictBool = True


class WrittenFile(_Written):
    """The whole file."""

    version: Literal[1] = 1
    shipped: dict[Name, WrittenShipped] = Field(default_factory=dict)
    topics: dict[TopicName, WrittenTopic] = Field(default_factory=dict, max_length=100)
    endpoints: dict[Name, WrittenEndpoint] = Field(default_factory=dict, max_length=100)
    rules: list[WrittenRule] = Field(default_factory=list, max_length=RULES_MAX)
