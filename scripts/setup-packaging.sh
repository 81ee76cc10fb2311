#!/bin/sh
# Installs what building the agent's files needs beside npm, on Debian 12 or newer: run it as root.
#   binutils-x86-64-linux-gnu, binutils-aarch64-linux-gnu   strip for both processors
set -eu
export DEBIAN_FRONTEND=noninteractive
install() {
  apt-get -qq -y install --no-install-recommends \
    binutils-x86-64-linux-gnu \
    binutils-aarch64-linux-gnu
}
install || { apt-get -qq update && install; }
