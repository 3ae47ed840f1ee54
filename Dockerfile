# One image; the command chooses: serve (all of it), node, or any other verb of `python -m verifier`.
FROM python:3.11-slim

RUN apt-get update \
 && apt-get install -y --no-install-recommends redis-server libzbar0 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /srv/probatum --shell /usr/sbin/nologin probatum \
 && install -d -o probatum -g probatum -m 0700 /data

WORKDIR /srv/probatum
# The dependencies change less often than the code, so their layer is built first.
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY app.py LICENSE ./
COPY scanner scanner
COPY verifier verifier

# Inside a container only the published port is reached; on a machine the default stays 127.0.0.1.
ENV PROBATUM_HOST=0.0.0.0 PORT=8000 PROBATUM_DATA=/data PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER probatum
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=2)"]
ENTRYPOINT ["python", "-m", "verifier"]
CMD ["serve"]
