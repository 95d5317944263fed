"""Where requests of rules may go: listed hosts, and no address of the machine, its link or a cloud's metadata."""

import pytest

from carbon_stream.rules.hosts import Hosts

HOSTS = Hosts(["hooks.example.org", "*.svc.cluster.local", "10.1.0.0/16", "169.254.20.10", "fd12::/16"])


@pytest.mark.parametrize("host", ["hooks.example.org", "HOOKS.example.org.", "ds.prod.svc.cluster.local", "10.1.2.3"])
def test_listed_hosts_are_allowed(host: str) -> None:
    assert HOSTS.why_not_host(host) is None


@pytest.mark.parametrize(
    "host", ["example.org", "xhooks.example.org", "svc.cluster.local", "evilsvc.cluster.local", "10.2.0.1", "127.0.0.1"]
)
def test_other_hosts_are_not(host: str) -> None:
    assert "not listed" in (HOSTS.why_not_host(host) or "")


@pytest.mark.parametrize("address", ["93.184.216.34", "10.9.9.9", "192.168.1.1", "2001:db8::1", "fd00::1"])
def test_an_allowed_host_may_stand_for_addresses_out_there_and_in_the_cluster(address: str) -> None:
    assert HOSTS.why_not_address(address) is None


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "169.254.169.254", "fe80::1%eth0", "224.0.0.1",
        "100.100.100.200", "fd00:ec2::254", "::ffff:169.254.169.254", "::ffff:127.0.0.1", "2002:7f00:1::",
        "no address",
    ],
)  # fmt: skip
def test_but_not_for_what_only_this_machine_should_reach(address: str) -> None:
    assert HOSTS.why_not_address(address) is not None


def test_unless_the_address_itself_is_listed() -> None:
    assert HOSTS.why_not_address("169.254.20.10") is None
    assert HOSTS.why_not_address("::ffff:169.254.20.10") is None
    assert HOSTS.why_not_host("169.254.20.10") is None
