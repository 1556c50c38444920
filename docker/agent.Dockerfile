# Programs that agents use, in an image for agents and for managers that run agents as processes:
#   docker build -f docker/agent.Dockerfile -t longshore-agent docker
#
# CLIS are packages of npm, such as "@anthropic-ai/claude-code @openai/codex @google/gemini-cli opencode-ai".

ARG BASE=node:22-bookworm-slim

FROM ${BASE}
ARG PACKAGES="bash bc ca-certificates git less procps python3 ripgrep"
ARG CLIS=""
LABEL org.opencontainers.image.title="longshore-agent" \
      org.opencontainers.image.description="Programs that agents use" \
      org.opencontainers.image.licenses="MIT"
USER root
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${PACKAGES} \
    && rm -rf /var/lib/apt/lists/*
RUN if [ -n "${CLIS}" ]; then npm install --global --no-audit --no-fund ${CLIS} && npm cache clean --force; fi
# The number is that of the manager's image: what either writes in a workspace the other can change.
RUN groupadd --gid 10001 agent \
    && useradd --uid 10001 --gid 10001 --home-dir /home/agent --create-home --shell /bin/bash agent \
    && install -d -o 10001 -g 10001 /workspace
ENV HOME=/home/agent
USER 10001:10001
WORKDIR /workspace
CMD ["bash"]
