# One image for machines with and without a GPU: the default build of torch carries CUDA and runs on a CPU as well.
#
#   docker build -t bert-lab .
#   docker run --rm -p 127.0.0.1:8501:8501 -v bert-lab:/data bert-lab                 # then http://127.0.0.1:8501
#   docker run --rm --gpus all --shm-size 2g -p 127.0.0.1:8501:8501 -v bert-lab:/data bert-lab
#
# Opened under another name than localhost, the name has to be allowed:
#   -e STREAMLIT_SERVER_ALLOWED_HOSTS="localhost lab.example.org"

FROM python:3.11-slim

LABEL org.opencontainers.image.title="BERT Lab" \
      org.opencontainers.image.description="See inside BERT, teach it your task, and watch what changed." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"

# tini reaps the training processes, which outlive the session that started them.
RUN apt-get update \
 && apt-get install -y --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home lab \
 && install -d -o lab -g lab /data

WORKDIR /app

# The libraries come before the code, so that a change of code does not install them again. Another index may offer a
# smaller torch for machines without a GPU: --build-arg TORCH_INDEX_URL=...
ARG TORCH_INDEX_URL=""
COPY requirements.txt .
RUN if [ -n "$TORCH_INDEX_URL" ]; then \
      pip install --no-cache-dir --disable-pip-version-check --index-url "$TORCH_INDEX_URL" \
        "$(grep '^torch==' requirements.txt)"; \
    fi \
 && pip install --no-cache-dir --disable-pip-version-check -r requirements.txt

COPY . .

# Everything people make, and the models they fetch, is in /data. The server listens on all addresses of the container;
# what of it can be reached from outside is decided by -p.
ENV BERTLAB_WORKSPACE=/data \
    HF_HOME=/data/huggingface \
    PYTHONUNBUFFERED=1 \
    STREAMLIT_SERVER_ADDRESS=0.0.0.0 \
    STREAMLIT_SERVER_PORT=8501 \
    STREAMLIT_SERVER_HEADLESS=true

USER lab
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]

ENTRYPOINT ["tini", "--"]
CMD ["python", "-m", "streamlit", "run", "app.py"]
