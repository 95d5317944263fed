"""The shipped rules on a real Envoy: five errors eject, three retries, failover under load, Trino's exception."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

from carbon_stream.bootstrap.mesh.manifests import Facts, manifests
from carbon_stream.bootstrap.mesh.objects import Key, key_of
from carbon_stream.bootstrap.mesh.values import load_mesh
from carbon_stream.local.ports import free_ports
from tests.cluster.envoy import Envoy, envoy

SPECS = {key_of(each): each.get("spec", {}) for each in manifests(load_mesh(), Facts())}
RULE = SPECS[Key("DestinationRule", "data-platform", "data-platform-default")]
SERVICE = SPECS[Key("VirtualService", "data-platform", "portal")]
TRINO_RULE = SPECS[Key("DestinationRule", "data-platform", "trino-coordinator")]
TRINO = SPECS[Key("VirtualService", "data-platform", "trino-coordinator")]
SERVER = """
import sys
from aiohttp import web
async def answer(request):
    return web.Response(text="fine")
app = web.Application()
app.router.add_route("*", "/{path:.*}", answer)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""


class Host:
    """Answers by a script: what it says to its n-th request, from 1."""

    def __init__(self, says: Callable[[int], int], delay_s: float = 0.0) -> None:
        self.port = free_ports(1)[0]
        self.asked = 0
        self._says = says
        self._delay_s = delay_s

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        status = self._says(self.asked)
        await asyncio.sleep(self._delay_s)
        return web.Response(status=status)


@asynccontextmanager
async def listening(*hosts: Host) -> AsyncIterator[list[int]]:
    runners = []
    try:
        for host in hosts:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", host.answer)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            runners.append(runner)
            await web.TCPSite(runner, "127.0.0.1", host.port).start()
        yield [host.port for host in hosts]
    finally:
        for runner in runners:
            await runner.cleanup()


async def ask(session: aiohttp.ClientSession, method: str, url: str) -> int:
    async with session.request(method, url) as answer:
        await answer.read()
        return answer.status


async def ejected(proxy: Envoy) -> int:
    return await proxy.stat("outlier_detection\\.ejections_active")


async def test_five_errors_eject_a_host(tmp_path: Path) -> None:
    good, bad = Host(lambda number: 200), Host(lambda number: 500)
    async with (
        listening(good, bad) as ports,
        envoy(RULE, SERVICE, ports, tmp_path) as proxy,
        aiohttp.ClientSession() as session,
    ):
        while bad.asked < 5:
            assert not await ejected(proxy), "four errors do not"
            await ask(session, "POST", f"{proxy.url}/")
        # Envoy's workers learn of it a moment later.
        await eventually(lambda: ejected(proxy))
        asked = bad.asked
        assert [await ask(session, "POST", f"{proxy.url}/") for _ in range(100)] == [200] * 100
        assert bad.asked == asked


async def test_four_errors_in_a_row_eject_nobody(tmp_path: Path) -> None:
    host, other = Host(lambda number: 200 if number % 5 == 0 else 500), Host(lambda number: 200)
    async with (
        listening(host, other) as ports,
        envoy(RULE, SERVICE, ports, tmp_path) as proxy,
        aiohttp.ClientSession() as session,
    ):
        while host.asked < 25:
            await ask(session, "POST", f"{proxy.url}/")
        assert not await ejected(proxy)


async def test_at_most_half_of_the_hosts_are_ejected(tmp_path: Path) -> None:
    hosts = [Host(lambda number: 500), Host(lambda number: 500)]
    async with (
        listening(*hosts) as ports,
        envoy(RULE, SERVICE, ports, tmp_path) as proxy,
        aiohttp.ClientSession() as session,
    ):
        while min(host.asked for host in hosts) < 5 and not await ejected(proxy):
            await ask(session, "POST", f"{proxy.url}/")
        await eventually(lambda: ejected(proxy))
        asked = sum(host.asked for host in hosts)
        assert [await ask(session, "POST", f"{proxy.url}/") for _ in range(30)] == [500] * 30
        assert sum(host.asked for host in hosts) == asked + 30, "the last half goes on being asked"
        assert await ejected(proxy) == 1


async def test_a_read_is_tried_three_times_more_and_a_write_is_not(tmp_path: Path) -> None:
    host = Host(lambda number: 200 if number == 4 else 503)
    async with (
        listening(host) as ports,
        envoy(RULE, SERVICE, ports, tmp_path) as proxy,
        aiohttp.ClientSession() as session,
    ):
        assert await ask(session, "GET", f"{proxy.url}/") == 200
        assert host.asked == 4
        assert await ask(session, "POST", f"{proxy.url}/") == 503
        assert host.asked == 5
        assert await proxy.stat("upstream_rq_retry") == 3


async def test_a_fourth_try_is_the_last(tmp_path: Path) -> None:
    host = Host(lambda number: 503)
    async with (
        listening(host) as ports,
        envoy(RULE, SERVICE, ports, tmp_path) as proxy,
        aiohttp.ClientSession() as session,
    ):
        assert await ask(session, "GET", f"{proxy.url}/") == 503
    assert host.asked == 4


async def test_one_of_two_hosts_killed_under_load_and_no_read_fails(tmp_path: Path) -> None:
    ports = free_ports(2)
    servers = [await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, str(port)) for port in ports]
    try:
        await asyncio.gather(*(_up(port) for port in ports))
        async with envoy(RULE, SERVICE, ports, tmp_path) as proxy, aiohttp.ClientSession() as session:
            statuses: list[int] = []
            killed = asyncio.Event()

            async def load() -> None:
                after = 0
                while after < 300:
                    statuses.append(await ask(session, "GET", f"{proxy.url}/"))
                    after += killed.is_set()

            async def kill() -> None:
                while len(statuses) < 200:
                    await asyncio.sleep(0.01)
                servers[0].kill()
                await servers[0].wait()
                killed.set()

            # Three at once: the rule lets no more retries be under way.
            await asyncio.gather(kill(), *(load() for _ in range(3)))
            failed = await proxy.stat("upstream_cx_connect_fail")
        assert len(statuses) >= 1_100
        assert set(statuses) == {200}
        assert failed >= 1, "the dead host was asked, and somebody else answered"
    finally:
        for server in servers:
            if server.returncode is None:
                server.kill()
            await server.wait()


async def test_a_statement_of_trinos_is_sent_once_and_may_take_long(tmp_path: Path) -> None:
    """Timeouts are a hundredth here: a statement has 36 s, anything else 1.2."""
    host = Host(lambda number: 503 if number <= 2 else 200)
    slow = Host(lambda number: 200, delay_s=3)
    async with (
        listening(host) as ports,
        envoy(TRINO_RULE, TRINO, ports, tmp_path) as proxy,
        aiohttp.ClientSession() as session,
    ):
        assert await ask(session, "POST", f"{proxy.url}/v1/statement") == 503
        assert host.asked == 1
        assert await ask(session, "GET", f"{proxy.url}/v1/statement/executing/1") == 503
        assert host.asked == 2
        assert await ask(session, "GET", f"{proxy.url}/v1/info") == 200
    async with (
        listening(slow) as ports,
        envoy(TRINO_RULE, TRINO, ports, tmp_path, faster=100) as proxy,
        aiohttp.ClientSession() as session,
    ):
        assert await ask(session, "POST", f"{proxy.url}/v1/statement") == 200
        assert await ask(session, "POST", f"{proxy.url}/v1/other") == 504


async def eventually(look: Callable[[], Awaitable[int]]) -> None:
    end = asyncio.get_running_loop().time() + 60
    while not await look():
        assert asyncio.get_running_loop().time() < end
        await asyncio.sleep(0.02)


async def _up(port: int) -> None:
    end = asyncio.get_running_loop().time() + 60
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            assert asyncio.get_running_loop().time() < end
            await asyncio.sleep(0.05)
        else:
            writer.close()
            await writer.wait_closed()
            return
