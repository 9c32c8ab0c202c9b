# One published site as an image. Its context is a folder that `critterdb publish` made:
#
#     critterdb publish public
#     docker build --tag critters public
#     docker run --read-only --publish 8001:8001 critters

FROM python:3.11-slim

RUN useradd --system --uid 10001 critter
WORKDIR /site

# The program before the data: this layer stays where only the data change.
COPY plugins/critterdb-*.whl /tmp/critterdb/
RUN pip install --no-cache-dir --disable-pip-version-check /tmp/critterdb/critterdb-*.whl

# Code and templates belong to root: whoever breaks into the process cannot change what it runs.
# Only a copy that was published with --writable lets it write, to the database; there the folder is
# sticky, as /tmp is, and the folders that Datasette looks into for code and pages exist already.
COPY . /site
RUN test -e inspect-data.json || { mkdir -p plugins templates static && chown critter critters.db && chmod 1777 .; }
USER critter
ENV PORT=8001 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
EXPOSE 8001
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/-/critterdb/health', timeout=4)"]
CMD ["sh", "-c", "exec critterdb serve --host 0.0.0.0 --port \"$PORT\""]
