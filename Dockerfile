# One image for job_service, scheduler_service and worker_service; the command says which.

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source

# Dependencies in a layer of their own: it changes only when a pin does.
COPY requirements ./requirements
RUN python -m venv /opt/punctual \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --quiet --require-hashes -r requirements/build.txt \
 && /opt/build/bin/pip wheel --quiet --require-hashes -r requirements/base.txt --wheel-dir /wheels \
 && /opt/punctual/bin/pip install --quiet --no-index --no-deps /wheels/*.whl

# What pyproject.toml asks for and requirements/base.txt does not pin ends the build here.
COPY . .
RUN /opt/build/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels/own . \
 && /opt/punctual/bin/pip install --quiet --no-index --no-deps /wheels/own/*.whl \
 && /opt/punctual/bin/pip check \
 && /opt/punctual/bin/pip uninstall --quiet --yes pip setuptools

FROM python:3.11-slim
LABEL org.opencontainers.image.title="punctual" org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin punctual
COPY --from=build /opt/punctual /opt/punctual
COPY --chmod=755 deploy/ready /usr/local/bin/ready
# A container has an address of its own, so the services listen on all of it.
ENV PATH=/opt/punctual/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PUNCTUAL_JOB_SERVICE__HOST=0.0.0.0 \
    PUNCTUAL_SCHEDULER__HOST=0.0.0.0 \
    PUNCTUAL_WORKER__HOST=0.0.0.0
USER punctual
WORKDIR /tmp
EXPOSE 8080 8081 8082
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m"]
CMD ["job_service"]
