# One image for every process: the command decides which. docker-compose.yml puts them together.

FROM python:3.13-slim

WORKDIR /app

# The dependencies change seldom, so they come first. Wheels only: no compiler comes into the image.
COPY requirements.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --only-binary=:all: -r requirements.txt

# A new volume takes its owner from the directory it is mounted on.
RUN useradd --uid 10001 --create-home stepwell \
 && install --directory --owner=stepwell --group=stepwell /data/artifacts /data/outbox /data/code

COPY gunicorn.conf.py ./
COPY stepwell ./stepwell
COPY db ./db
COPY runtime ./runtime
COPY functions ./functions

ENV PYTHONUNBUFFERED=1 \
    BIND=0.0.0.0 \
    PORT=3000 \
    ARTIFACTS_DIR=/data/artifacts \
    OUTBOX_DIR=/data/outbox \
    CODE_DIR=/data/code

USER stepwell
EXPOSE 3000

HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/health\", timeout=4)"]

CMD ["gunicorn", "--graceful-timeout", "25", "stepwell.runtime.app:create_app()"]
