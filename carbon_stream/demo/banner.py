"""What `carbon-stream dev` prints once everything is up: what to open, and three questions worth asking."""

from carbon_stream.demo.cast import SERVICES, VICTIMS
from carbon_stream.settings import Settings

_THREE_HOPS = "iceberg/marts/carbon_exposure"
"""Three hops away from the raw trades."""


def _access(settings: Settings) -> list[str]:
    if settings.access_ways:
        return [
            "",
            f"Access control is on ({', '.join(sorted(settings.access_ways))}): send a credential with each call.",
        ]
    return ["", "Access control is off: whoever reaches this address may send and read everything (docs/access.md)."]


def banner(settings: Settings, *, demo: bool = True) -> str:
    """Several lines for the terminal; ``demo`` says that the demo stream is being played."""
    host = f"[{settings.http_host}]" if ":" in settings.http_host else settings.http_host
    url = f"http://{'127.0.0.1' if host in ('0.0.0.0', '[::]') else host}:{settings.http_port}"  # noqa: S104 - compared
    victim = next(service for service in SERVICES if service.name == VICTIMS[0])
    story = (
        [
            "",
            "A demo day is being played: pipelines, users, API calls, bad events, and a deployment that breaks",
            f"{victim.name} for a while. Ask:",
        ]
        if demo
        else ["", "Once there are events, for example from `carbon-stream demo`, ask:"]
    )
    return "\n".join(
        [
            "",
            f"carbon_stream is up on {url}  (Kafka: {settings.kafka_bootstrap_servers})",
            "",
            f"  {url}/              what there is to open",
            f"  {url}/openapi.json  every call, its parameters and answers",
            f"  {url}/metrics       what an operator watches",
            *_access(settings),
            *story,
            "",
            "  # who did how much, and what was denied",
            f"  curl -s '{url}/v1/audit/summary?by=user&limit=5' | python3 -m json.tool",
            "",
            "  # is it healthy, since when, and what was deployed",
            f"  curl -s {url}/v1/health/services/{victim.namespace}/{victim.name} | python3 -m json.tool",
            "",
            "  # where a mart comes from, three hops up to the raw data, with its columns",
            f"  curl -s '{url}/v1/lineage?dataset={_THREE_HOPS}&direction=upstream&depth=3' | python3 -m json.tool",
            "",
            "Ctrl-C stops all of it.",
            "",
        ]
    )
