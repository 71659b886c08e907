# A PostgreSQL 15 server for tests, from Debian's packages. Built by `python3 -m hack.images
# postgres`; a base that already has the packages makes the build need no network.
ARG BASE=debian:12-slim

FROM ${BASE}
# Debian's package would make a cluster of its own, which nobody uses and everybody carries.
RUN if [ ! -x /usr/lib/postgresql/15/bin/postgres ]; then \
        mkdir -p /etc/postgresql-common \
        && echo create_main_cluster=false >/etc/postgresql-common/createcluster.conf \
        && apt-get update \
        && apt-get install --yes --no-install-recommends postgresql-15 \
        && rm -rf /var/lib/apt/lists/*; \
    fi
# The user's name must resolve, or initdb refuses: whatever the uid that Debian has given it,
# in this image it is 999.
RUN usermod --uid 999 postgres && groupmod --gid 999 postgres \
    && rm -rf /var/lib/postgresql/* \
    && mkdir -p /var/lib/postgresql/data /run/postgresql \
    && chown -R 999:999 /var/lib/postgresql /run/postgresql
COPY --chmod=0755 postgres-entrypoint.sh /usr/local/bin/postgres-entrypoint
ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin \
    PGDATA=/var/lib/postgresql/data/pgdata \
    LANG=C.UTF-8
USER 999:999
WORKDIR /var/lib/postgresql
EXPOSE 5432
# Fast shutdown: clients are disconnected, instead of waited for until the kubelet's patience ends.
STOPSIGNAL SIGINT
ENTRYPOINT ["postgres-entrypoint"]
