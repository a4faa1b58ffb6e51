# The gateway's image. Untested as an image: no Docker engine was at hand. The commands of its RUN
# lines were run by themselves; tests/meta/test_compose.py checks what can be read from it.
FROM python:3.11-slim-bookworm AS build
RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.9
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /src
COPY pyproject.toml requirements.lock ./
# The lock pins and hashes every package; the last command refuses one it does not know.
RUN uv venv /opt/meshgate && \
    uv pip install --python /opt/meshgate --verify-hashes -c requirements.lock -r pyproject.toml && \
    uv pip freeze --python /opt/meshgate > installed && \
    while read -r pin; do grep -q "^$pin " requirements.lock || { echo "$pin"; exit 1; }; done < installed
COPY README.md LICENSE ./
COPY gateway gateway
RUN uv pip install --python /opt/meshgate --no-deps --build-constraints requirements.lock .

# With what makes the demo's tables: `docker compose run --rm demo`.
FROM build AS demo
RUN uv pip install --python /opt/meshgate --verify-hashes -c requirements.lock --group demo
ENV PATH=/opt/meshgate/bin:$PATH
USER 10001:10001

FROM python:3.11-slim-bookworm AS meshgate
COPY --from=build /opt/meshgate /opt/meshgate
# Volumes take their owner and mode from these folders: any user the container runs as may write.
RUN mkdir -p /var/lib/meshgate /rendered /bundles && chmod 1777 /var/lib/meshgate /rendered /bundles
ENV PATH=/opt/meshgate/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /srv/meshgate
EXPOSE 8443
ENTRYPOINT ["meshgate"]
CMD ["serve"]
