# The product's image. Built by `python3 -m hack.images product`, which collects the wheels
# on the host: no step here needs a network.
#
# Context: dependencies/ (requirements.txt and a wheel for each line), product/ (our wheel).
ARG BASE=python:3.13-slim

FROM ${BASE} AS dependencies
RUN ["python3", "-m", "venv", "/opt/pip"]
RUN ["python3", "-m", "venv", "--without-pip", "/opt/meshmigrate"]
COPY dependencies /dependencies
# Bytecode is made here, once: at run time nobody may write it, and importing without it costs
# seconds. Unchecked, because a copied file's time is not the one it was compiled from.
RUN /opt/pip/bin/pip --python /opt/meshmigrate/bin/python install --no-index \
        --find-links /dependencies --require-hashes --no-deps --no-compile --quiet \
        --root-user-action ignore --requirement /dependencies/requirements.txt \
    && find /opt/meshmigrate/lib -depth -type d '(' -name tests -o -name test ')' \
        -exec rm -rf '{}' + \
    && /opt/meshmigrate/bin/python -m compileall -q -j 0 \
        --invalidation-mode unchecked-hash /opt/meshmigrate/lib

FROM dependencies AS product
COPY product /product
RUN /opt/pip/bin/pip --python /opt/meshmigrate/bin/python install --no-index --no-deps \
        --no-compile --quiet --root-user-action ignore --no-warn-script-location \
        --root /image /product/*.whl \
    && /opt/meshmigrate/bin/python -m compileall -q -s /image \
        --invalidation-mode unchecked-hash /image/opt/meshmigrate/lib

FROM ${BASE}
# Without an entry in passwd the runtime would give the user root's group. Some bases come without
# the standard library's bytecode; where it is there, compiling does nothing.
RUN echo 'meshmigrate:x:65532:65532::/nonexistent:/usr/sbin/nologin' >>/etc/passwd \
    && echo 'meshmigrate:x:65532:' >>/etc/group \
    && python3 -c 'import compileall, sysconfig; compileall.compile_dir(sysconfig.get_path("stdlib"), quiet=2)'
COPY --from=dependencies /opt/meshmigrate /opt/meshmigrate
ENV PATH=/opt/meshmigrate/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /
ENTRYPOINT ["meshmigrate"]
# Last, so that a change of ours makes nothing else again.
COPY --from=product /image/opt/meshmigrate /opt/meshmigrate
