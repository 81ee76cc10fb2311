#!/bin/sh
# Installs what building and testing the agent's files and packages needs beside npm, on Debian 12 or newer: run as root.
#   binutils-*           strip for both processors
#   gcc-mingw-w64        the Windows service's stub
#   apt-utils .. zstd    packages and the apt repository
#   mmdebstrap .. qemu   the throw-away systems that the platform tests boot, and arm64
set -eu
export DEBIAN_FRONTEND=noninteractive
install() {
  apt-get -qq -y install --no-install-recommends \
    binutils-x86-64-linux-gnu binutils-aarch64-linux-gnu \
    gcc-mingw-w64-x86-64-win32 \
    apt-utils dpkg gpg gpg-agent libxml2-utils lintian unzip zip zstd \
    mmdebstrap systemd-container qemu-user-static
}
install || { apt-get -qq update && install; }
