#!/bin/sh
# Installs the restic-manager agent on this host and joins it to a server. Safe to run again: the host keeps its
# identity and gets the server's present agent.
#
#   export RM_TOKEN=rmt_…; curl -fsSL https://SERVER/install.sh |
#     sudo --preserve-env=RM_TOKEN,RM_CERT_SHA256 sh -s -- --server https://SERVER
#
#   --server URL        the server, as this host reaches it
#   --announce          join without a token: show this host's fingerprint and wait until an administrator accepts it
#   --allow-plain-ws    accept a server without TLS that is not on this machine; only for a lab
#
#   RM_TOKEN            the enrolment token; only read from the environment, never from an argument
#   RM_CERT_SHA256      SHA-256 of the server's certificate. The agent then accepts that certificate and no other. It
#                       is not seen by curl, which downloads this script and the agent: curl checks the certificate
#                       with the system's certificate authorities, so a private one must be installed there first.
#   RM_NODE             Node to run the agent with (node on the PATH)
#   RM_PREFIX           where bin/restic-manager-agent goes (/usr/local)
#   RM_CONFIG_DIR       where agent.yaml goes (/etc/restic-manager)
#   RM_STATE_DIR        where the agent keeps its state (/var/lib/restic-manager)
#   RM_ETC              where the system's configuration is (/etc)
#
# Exit: 0 installed and joined, 1 something is missing or failed (mend it and run this again), 2 usage.
set -eu
umask 022

say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "install.sh: $*" >&2; exit 1; }
usage() { printf '%s\n' "install.sh: $*" "usage: sh install.sh --server URL [--announce] [--allow-plain-ws]" >&2; exit 2; }

OLDEST_NODE_MAJOR=22
OLDEST_NODE_MINOR=19

read_arguments() {
  SERVER=
  ANNOUNCE=
  ALLOW_PLAIN=
  while [ $# -gt 0 ]; do
    case $1 in
      --server) [ $# -ge 2 ] || usage "--server needs a URL"; SERVER=$2; shift 2 ;;
      --server=*) SERVER=${1#--server=}; shift ;;
      --announce) ANNOUNCE=--announce; shift ;;
      --allow-plain-ws) ALLOW_PLAIN=--allow-plain-ws; shift ;;
      *) usage "unknown argument" ;;
    esac
  done
  case $SERVER in
    https://?* | http://?*) ;;
    '') usage "name the server" ;;
    *) usage "the server must begin with https:// or http://" ;;
  esac
  SERVER=${SERVER%/}
  [ -z "$ANNOUNCE" ] || [ -z "$TOKEN" ] || usage "a host joins by RM_TOKEN or by --announce; leave one of them out"
}

detect_platform() {
  [ "$(uname -s)" = Linux ] || die "there is an agent for Linux only, and this is $(uname -s)."
  case $(uname -m) in
    x86_64 | amd64) PLATFORM=linux-amd64 ;;
    aarch64 | arm64) PLATFORM=linux-arm64 ;;
    *) die "there is no agent for $(uname -m) processors." ;;
  esac
}

find_node() {
  NODE=${RM_NODE:-$(command -v node || :)}
  wanted="Node $OLDEST_NODE_MAJOR.$OLDEST_NODE_MINOR or newer"
  [ -n "$NODE" ] || die "the agent needs $wanted and finds none. Install it, or name it: RM_NODE=/path/to/node."
  NODE=$(readlink -f "$NODE" 2>/dev/null || :)
  [ -x "$NODE" ] || die "${RM_NODE:-node} is no program. Correct RM_NODE."
  case $NODE in *' '*) die "the path of Node must not hold spaces: $NODE" ;; esac
  version=$("$NODE" -p process.versions.node 2>/dev/null) || die "$NODE does not run. Correct RM_NODE."
  major=${version%%.*}
  rest=${version#*.}
  minor=${rest%%.*}
  if [ "$major" -lt $OLDEST_NODE_MAJOR ] ||
    { [ "$major" -eq $OLDEST_NODE_MAJOR ] && [ "$minor" -lt $OLDEST_NODE_MINOR ]; }; then
    die "the agent needs $wanted, and $NODE is $version. Install a newer one, or name it: RM_NODE=/path/to/node."
  fi
}

# fetch URL-PATH FILE: no redirect may lead away from TLS.
fetch() {
  case $SERVER in https://*) protocols='=https' ;; *) protocols='=http,https' ;; esac
  curl -fsSL --proto "$protocols" --retry 2 --connect-timeout 20 --max-time 600 -o "$2" "$SERVER$1" ||
    die "$SERVER$1 could not be downloaded, see above."
}

download() {
  command -v curl >/dev/null 2>&1 || die "curl is needed and missing. Install it, then try again."
  command -v sha256sum >/dev/null 2>&1 || die "sha256sum is needed and missing. Install coreutils, then try again."
  TEMPORARY=$(mktemp -d)
  trap 'rm -rf "$TEMPORARY"' EXIT
  trap 'exit 1' HUP INT TERM
  say "Downloading the agent for $PLATFORM from $SERVER"
  fetch "/agent/$PLATFORM.sha256" "$TEMPORARY/sha256"
  fetch "/agent/$PLATFORM" "$TEMPORARY/agent"
  expected=$(cut -c 1-64 "$TEMPORARY/sha256" | head -n 1)
  found=$(sha256sum "$TEMPORARY/agent" | cut -c 1-64)
  [ "$expected" = "$found" ] ||
    die "the download is damaged: its SHA-256 is $found, the server says $expected. Try again."
  "$NODE" "$TEMPORARY/agent" version >/dev/null || die "the downloaded agent does not run, see above."
}

install_agent() {
  AGENT=$PREFIX/bin/restic-manager-agent
  mkdir -p "$PREFIX/bin" || die "$PREFIX/bin cannot be made. Run this as root."
  # Its own Node by its full path: which one runs must not depend on the caller's PATH.
  { printf '#!%s\n' "$NODE" && sed 1d "$TEMPORARY/agent"; } >"$AGENT.new" ||
    die "$PREFIX/bin cannot be written. Run this as root."
  chmod 755 "$AGENT.new"
  mv -f "$AGENT.new" "$AGENT"
  say "Installed: $("$AGENT" version)"
}

enroll() {
  if [ -f "$CONFIG_DIR/agent.yaml" ]; then
    say "This host is enrolled already and keeps its identity ($CONFIG_DIR/agent.yaml)."
    [ -z "$TOKEN" ] || say "The token was not used. To enrol anew, remove $CONFIG_DIR/agent.yaml and run the line again."
    return
  fi
  if [ -n "$ANNOUNCE" ]; then
    "$AGENT" announce --server "$SERVER" --config-dir "$CONFIG_DIR" --state-dir "$STATE_DIR" \
      ${ALLOW_PLAIN:+"$ALLOW_PLAIN"} || die "the host has not joined, see above."
    return
  fi
  [ -n "$TOKEN" ] ||
    die "there is no enrolment token. Copy the whole line from the console: it begins with export RM_TOKEN=…"
  # The token goes on in the environment of this one program.
  RM_TOKEN=$TOKEN "$AGENT" enroll --server "$SERVER" --config-dir "$CONFIG_DIR" --state-dir "$STATE_DIR" \
    ${ALLOW_PLAIN:+"$ALLOW_PLAIN"} || die "the host is not enrolled, see above."
}

# What the server may ask of this host: a file with the defaults as comments, and the folder of hooks. Both stay as they
# are when they are there already.
write_policy() {
  "$AGENT" policy init --config-dir "$CONFIG_DIR" --state-dir "$STATE_DIR" ||
    die "$CONFIG_DIR cannot be written. Run this as root."
}

start_agent() {
  if [ ! -d /run/systemd/system ]; then
    say "systemd does not run here. Start the agent by your own means, as root:"
    say "  $AGENT run --config-dir $CONFIG_DIR --state-dir $STATE_DIR"
    return
  fi
  "$AGENT" service install --config-dir "$CONFIG_DIR" --state-dir "$STATE_DIR" ||
    die "the service is not installed, see above."
  say "The agent runs as restic-manager-agent.service: systemctl status restic-manager-agent"
}

# note LINE COMMAND: one thing that runs restic already, and what would disable it.
note() {
  [ -n "$FOUND" ] || say "" "This host runs restic already. Nothing of it was changed; to disable it:"
  FOUND=1
  say "  # $1"
  say "  $2"
}

# mentions_restic FILE: outside its comments.
mentions_restic() { [ -f "$1" ] && grep -v '^[[:space:]]*#' "$1" 2>/dev/null | grep -qi restic; }

list_timers() {
  for timer in "$ETC"/systemd/system/*.timer /usr/lib/systemd/system/*.timer /lib/systemd/system/*.timer; do
    [ -f "$timer" ] || continue
    name=${timer##*/}
    case " $SEEN " in *" $name "*) continue ;; esac
    service=${name%.timer}.service
    asked=$(sed -n 's/^Unit=//p' "$timer" | tail -n 1)
    [ -z "$asked" ] || service=$asked
    # A template's instances share its file.
    template=$(printf '%s' "$service" | sed 's/@.*\./@./')
    for file in "$timer" "${timer%/*}/$service" "${timer%/*}/$template" "$ETC/systemd/system/$service"; do
      if mentions_restic "$file"; then
        SEEN="$SEEN $name"
        note "systemd timer $name, which starts $service" "systemctl disable --now '$name'"
        break
      fi
    done
  done
}

list_cron() {
  for file in "$ETC"/cron.d/*; do
    mentions_restic "$file" || continue
    # cron reads no file with a dot in its name (run-parts(8))
    case ${file##*/} in *.*) continue ;; esac
    note "cron file $file" "mv '$file' '$file.disabled'"
  done
  for file in "$ETC"/cron.daily/* "$ETC"/cron.hourly/* "$ETC"/cron.weekly/*; do
    if [ -x "$file" ] && mentions_restic "$file"; then note "cron script $file" "chmod -x '$file'"; fi
  done
}

list_crontab() {
  command -v crontab >/dev/null 2>&1 || return 0
  crontab -l >"$TEMPORARY/crontab" 2>/dev/null || return 0
  grep -n -i restic "$TEMPORARY/crontab" >"$TEMPORARY/lines" || return 0
  while IFS=: read -r number line; do
    case $line in *[![:space:]]*) ;; *) continue ;; esac
    case $(printf '%s' "$line" | sed 's/^[[:space:]]*//') in '#'*) continue ;; esac
    # A password written into the line must not end up in somebody's installation log.
    shown=$(printf '%s' "$line" | sed 's/\([A-Z_]*\(PASSWORD\|KEY\|SECRET\|TOKEN\)[A-Z_]*=\)[^[:space:]]*/\1***/g')
    note "line $number of this user's crontab: $shown" "crontab -l | sed '${number}s/^/#/' | crontab -"
  done <"$TEMPORARY/lines"
}

main() {
  TOKEN=${RM_TOKEN:-}
  unset RM_TOKEN
  read_arguments "$@"
  PREFIX=${RM_PREFIX:-/usr/local}
  CONFIG_DIR=${RM_CONFIG_DIR:-/etc/restic-manager}
  STATE_DIR=${RM_STATE_DIR:-/var/lib/restic-manager}
  ETC=${RM_ETC:-/etc}
  FOUND=
  SEEN=restic-manager-agent.timer
  detect_platform
  find_node
  download
  install_agent
  enroll
  write_policy
  start_agent
  list_timers
  list_cron
  list_crontab
}

# At the very end, so that a download that was cut off does nothing.
main "$@"
