"""Kong's and Istio's own metrics, by their documented names: neither can run here, so their numbers are made up.

https://docs.konghq.com/hub/kong-inc/prometheus/ (3.x), https://istio.io/latest/docs/reference/config/metrics/ (1.20)
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

SERVICES = ("trino", "superset", "datahub-gms")


def text(scrape: int) -> str:
    """A scrape: each counter has moved since the one before."""
    lines = ["# TYPE kong_http_requests_total counter"]
    lines += [f'kong_http_requests_total{{service="{s}",route="{s}",code="200"}} {scrape * 7}' for s in SERVICES]
    lines += ["# TYPE kong_upstream_latency_ms histogram"]
    for service, bound in itertools.product(SERVICES, ("25", "80", "250", "+Inf")):
        labels = f'service="{service}",route="{service}",le="{bound}"'
        lines.append(f"kong_upstream_latency_ms_bucket{{{labels}}} {scrape * 7}")
    lines += ["# TYPE istio_requests_total counter"]
    peers = 'reporter="destination",destination_workload_namespace="data-platform"'
    for service in SERVICES:
        labels = f'{peers},destination_workload="{service}",response_code="200",connection_security_policy="mutual_tls"'
        lines.append(f"istio_requests_total{{{labels}}} {scrape * 7}")
    lines += ["# TYPE istio_request_duration_milliseconds histogram"]
    for service, bound in itertools.product(SERVICES, ("5", "50", "500", "+Inf")):
        labels = f'{peers},destination_workload="{service}",le="{bound}"'
        lines.append(f"istio_request_duration_milliseconds_bucket{{{labels}}} {scrape * 7}")
    lines += ["# TYPE pilot_xds gauge", 'pilot_xds{version="1.20.8"} 23']
    return "\n".join(lines) + "\n"


@contextmanager
def exporter() -> Iterator[int]:
    """Serves them at /metrics, and takes whatever is posted; gives the port."""
    scrapes = itertools.count(1)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = text(next(scrapes)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
