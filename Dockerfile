# One image for every role: worker (the default), ingest, query, bootstrap. Its steps are run, line by line, by
# tests/packaging/test_image.py.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
RUN python -m venv /opt/carbon-stream \
    && /opt/carbon-stream/bin/pip install --require-hashes --requirement requirements.lock
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --requirement requirements-build.lock
COPY pyproject.toml README.md ./
COPY carbon_stream carbon_stream
RUN /opt/build/bin/python -m build --wheel --no-isolation --outdir /dist . \
    && /opt/carbon-stream/bin/pip install --no-index --no-deps /dist/*.whl
# The producer library, which `carbon-stream demo` sends with; what it needs is in the lock.
COPY sdk/python sdk/python
RUN /opt/build/bin/python -m build --wheel --no-isolation --outdir /dist/sdk sdk/python \
    && /opt/carbon-stream/bin/pip install --no-index --no-deps /dist/sdk/*.whl
RUN mkdir /data

FROM python:3.11-slim-bookworm
COPY --from=build /opt/carbon-stream /opt/carbon-stream
# The data folder belongs to the user below, and so does a fresh volume in its place.
COPY --from=build --chown=10001:10001 /data /data
WORKDIR /app
COPY agents agents
COPY tables tables
ENV PATH=/opt/carbon-stream/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/data \
    CARBON_STREAM_DATA_DIR=/data \
    CARBON_STREAM_HTTP_HOST=0.0.0.0 \
    CARBON_STREAM_HTTP_PORT=8080 \
    CARBON_STREAM_LOG_FORMAT=json
VOLUME /data
EXPOSE 8080
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['CARBON_STREAM_HTTP_PORT'] + '/healthz', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["carbon-stream"]
CMD ["worker"]
