"""`verify` looks at the gateway: what is missing, what is there, what cannot be asked."""

from carbon_stream.bootstrap.gateway.apply import apply
from carbon_stream.bootstrap.gateway.model import Gateway
from carbon_stream.bootstrap.verify.gateway import check_gateway
from tests.integration.gateway.conftest import To
from tests.support.kong import Kong


async def test_ten_services_and_nine_routes(kong: Kong, to: To, gateway: Gateway) -> None:
    empty = {check.name: check for check in await check_gateway(to(kong), gateway)}
    assert {check.status for check in empty.values()} == {"failed"}
    await apply(to(kong), gateway)
    checks = {check.name: check for check in await check_gateway(to(kong), gateway)}
    assert {check.status for check in checks.values()} == {"passed"}
    seen = {name: (check.expected, check.seen) for name, check in checks.items()}
    assert seen["platform services"] == ("10", "10 as they should be")
    assert seen["platform routes"] == ("9", "9 as they should be")
    assert seen["own services and routes"] == ("2", "2 as they should be")
    kong.patch("services", "trino", {"read_timeout": 60_000})
    drifted = {check.name: check for check in await check_gateway(to(kong), gateway)}
    assert drifted["platform services"].status == "failed"
    assert drifted["platform services"].details == ("change service trino", "read_timeout: 60000 -> 3600000")
    assert drifted["plugins"].status == "passed"
