# Two images from one file:
#   docker build --target serve   -t millrace .           worker and lookup, without torch
#   docker build --target retrain -t millrace-retrain .   the same and training, with torch
# Both run `millrace`; the command is the argument: docker run millrace worker

FROM python:3.11-slim-bookworm AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 VIRTUAL_ENV=/opt/millrace
COPY pyproject.toml constraints.txt ./
RUN pip install --no-cache-dir --constraint constraints.txt uv && python -m venv --without-pip /opt/millrace

# The dependencies first: a change of the sources does not install them again.
FROM build AS build-serve
RUN uv pip install --no-cache --constraint constraints.txt -r pyproject.toml
COPY LICENSE millrace.py ./
COPY schemas schemas
COPY index index
COPY models models
COPY streams streams
COPY retrain retrain
RUN uv pip install --no-cache --no-deps --build-constraint constraints.txt .

FROM build AS build-retrain
RUN uv pip install --no-cache --constraint constraints.txt -r pyproject.toml --extra train
COPY LICENSE millrace.py ./
COPY schemas schemas
COPY index index
COPY models models
COPY streams streams
COPY retrain retrain
RUN uv pip install --no-cache --no-deps --build-constraint constraints.txt .

FROM python:3.11-slim-bookworm AS run
RUN useradd --system --uid 10001 --home-dir /var/lib/millrace --create-home millrace \
    && install -d -o millrace /var/lib/millrace/releases /var/lib/millrace/release-cache \
        /var/lib/millrace/retrain-work /var/lib/millrace/archive
ENV PATH=/opt/millrace/bin:$PATH PYTHONUNBUFFERED=1 \
    MILLRACE_RELEASES=/var/lib/millrace/releases \
    MILLRACE_RELEASE_CACHE=/var/lib/millrace/release-cache \
    MILLRACE_RETRAIN_WORK=/var/lib/millrace/retrain-work \
    MILLRACE_LOG_FORMAT=json \
    MILLRACE_WORKER_HOST=0.0.0.0 MILLRACE_LOOKUP_HOST=0.0.0.0 MILLRACE_RETRAIN_HOST=0.0.0.0 \
    MILLRACE_ARCHIVE_HOST=0.0.0.0 MILLRACE_SIDE_INDEX_HOST=0.0.0.0
WORKDIR /var/lib/millrace
USER millrace
ENTRYPOINT ["millrace"]
# 8080: lookup; /metrics and /healthz of 8081: the worker (and /readyz), 8082: retrain, 8083: the archiver, 8084: the side index
EXPOSE 8080 8081 8082 8083 8084

FROM run AS retrain
USER root
# implicit's wheel takes OpenMP from the system.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
USER millrace
COPY --from=build-retrain /opt/millrace /opt/millrace
CMD ["retrain", "once"]

FROM run AS serve
COPY --from=build-serve /opt/millrace /opt/millrace
# One worker is one core: more capacity is more workers.
ENV OMP_NUM_THREADS=1
CMD ["worker"]
