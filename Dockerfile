# One published site as an image. Its context is a folder that `critterdb publish` made:
#
#     critterdb publish public
#     docker build --tag critters public
#     docker run --read-only --publish 8001:8001 critters

FROM python:3.11-slim

RUN useradd --system --uid 10001 critter && install --directory --owner critter /site
WORKDIR /site

# The program before the data: this layer stays where only the data change.
COPY plugins/critterdb-*.whl /tmp/critterdb/
RUN pip install --no-cache-dir --disable-pip-version-check /tmp/critterdb/critterdb-*.whl

COPY --chown=critter . /site
USER critter
ENV PORT=8001 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
EXPOSE 8001
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/-/critterdb/health', timeout=4)"]
CMD ["sh", "-c", "exec critterdb serve --host 0.0.0.0 --port \"$PORT\""]
