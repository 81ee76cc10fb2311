#!/bin/sh
# Installs, as root on Debian 12 or newer, what building the agent's packages and testing them needs.
set -eu
apt-get install -y --no-install-recommends apt-utils dpkg gpg gpg-agent libxml2-utils lintian mmdebstrap unzip zip zstd
