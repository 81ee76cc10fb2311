#!/bin/sh
# Fetch restic and restic-rest-server builds for the tests, from Debian's suites.
#
#   fetch-restic.sh DEST [TOOL ...]
#
#   DEST   folder to fill (created when missing)
#   TOOL   restic-0.14.0 (bookworm), restic-0.18.0 (trixie), restic-newest (sid),
#          rest-server-0.13.0 (trixie), rest-server-newest (sid); none = all five
#
# "newest" is whatever sid holds today: DEST/restic-newest is a link to, say,
# restic-0.19.1, looked up again once a day; without a network the last one stays.
# One line "TOOL<TAB>VERSION<TAB>PATH" per tool goes to stdout, the rest to stderr.
#
# The packages come from the Debian host this machine already uses: the URI and the
# keyring are read from apt's own configuration. System packages, lists and caches
# are not touched; apt hooks are switched off. No root needed.
# Exit: 0 all there, 1 something could not be had, 2 usage.
set -eu
umask 022
LC_ALL=C
export LC_ALL

say() { printf '%s\n' "fetch-restic: $*" >&2; }
die() { say "$*"; exit 1; }

# tool -> "suite package binary upstream-version"
lookup() {
  case $1 in
    restic-0.14.0)      echo "bookworm restic restic 0.14.0" ;;
    restic-0.18.0)      echo "trixie restic restic 0.18.0" ;;
    restic-newest)      echo "sid restic restic newest" ;;
    rest-server-0.13.0) echo "trixie restic-rest-server rest-server 0.13.0" ;;
    rest-server-newest) echo "sid restic-rest-server rest-server newest" ;;
    *) return 1 ;;
  esac
}
ALL="restic-0.14.0 restic-0.18.0 restic-newest rest-server-0.13.0 rest-server-newest"

[ $# -ge 1 ] || { sed -n '2,17s/^# \{0,1\}//p' "$0" >&2; exit 2; }
DEST=$1
shift
want=${*:-$ALL}
for tool in $want; do
  lookup "$tool" >/dev/null || { say "unknown: $tool (known: $ALL)"; exit 2; }
done

mkdir -p "$DEST"
DEST=$(cd "$DEST" && pwd -P)
STATE=$DEST/.apt

use() { # use TOOL: its row of the table as variables
  tool=$1
  # shellcheck disable=SC2046 # the row is meant to be split
  set -- $(lookup "$1")
  suite=$1 package=$2 binary=$3 version=$4
}

present() { # a finished folder appears by one rename, so its binary is whole
  use "$1"
  [ -x "$DEST/$tool/$binary" ] && [ -f "$DEST/$tool/.complete" ]
}

current() { # present, and for "newest" looked up within a day
  present "$1" || return 1
  [ "$version" != newest ] || [ -n "$(find "$STATE/$suite.looked-up" -mmin -1440 2>/dev/null)" ]
}

report() {
  for tool in $want; do
    if present "$tool"; then
      folder=$(cd "$DEST/$tool" && pwd -P)
      printf '%s\t%s\t%s\n' "$tool" "${folder##*-}" "$folder/$binary"
    fi
  done
}

missing=
for tool in $want; do current "$tool" || missing="$missing $tool"; done
if [ -z "$missing" ]; then
  report
  exit 0
fi

for command in apt-get apt-config dpkg dpkg-deb flock; do
  command -v "$command" >/dev/null 2>&1 || die "$command is needed and missing: these builds come from Debian's archive"
done

# The main Debian archive as this machine is configured: the first source whose
# release is a plain suite. Read before our own configuration takes over.
mirror() {
  # shellcheck disable=SC2016 # apt fills these in
  apt-get indextargets --format '$(CREATED_BY)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' 2>/dev/null |
    awk -F'|' '$1 == "Packages" && $4 == "main" && $2 !~ /security/ &&
               $3 !~ /-(security|updates|backports|proposed-updates)/ { print $2; exit }'
}
URI=$(mirror)
[ -n "$URI" ] || die "no plain Debian source in this machine's apt configuration"
KEYRING=
for file in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp; do
  if [ -z "$KEYRING" ] && [ -s "$file" ]; then KEYRING=$file; fi
done
ARCH=$(dpkg --print-architecture)
mkdir -p "$STATE"

# prepare SUITE: private lists for one suite. Called with that suite's lock held.
prepare() {
  own=$STATE/$1
  mkdir -p "$own/lists/partial" "$own/cache/archives/partial" "$own/empty.d"
  : >"$own/status"
  printf 'deb [arch=%s%s] %s %s main\n' "$ARCH" "${KEYRING:+ signed-by=$KEYRING}" "$URI" "$1" >"$own/sources.list"
  # The machine's settings (proxy, methods, timeouts) less its hooks and folders.
  (
    umask 077
    apt-config dump |
      grep -v -E '^(APT::Update::(Pre|Post)|DPkg::|Dir|Acquire::IndexTargets|APT::NeverAutoRemove|APT::Architectures?[: ])' \
        >"$own/apt.conf.new" || :
    cat >>"$own/apt.conf.new" <<CONF
Dir "/";
Dir::Etc::parts "/dev/null";
Dir::Etc::main "/dev/null";
Dir::Etc::sourcelist "$own/sources.list";
Dir::Etc::sourceparts "$own/empty.d";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "$own/empty.d";
Dir::State "$own";
Dir::State::Lists "$own/lists";
Dir::State::status "$own/status";
Dir::Cache "$own/cache";
Dir::Log "$own";
APT::Architecture "$ARCH";
APT::Architectures { "$ARCH"; };
APT::Sandbox::User "$(id -un)";
APT::Get::List-Cleanup "false";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::GzipIndexes "true";
Acquire::Check-Valid-Until "false";
CONF
    mv -f "$own/apt.conf.new" "$own/apt.conf"
  )
}

# candidate: the full Debian version that suite offers for the wanted upstream version
candidate() {
  APT_CONFIG=$STATE/$suite/apt.conf apt-cache madison "$package" 2>/dev/null |
    awk -F' *[|] *' -v want="$version" '{
      upstream = $2; sub(/^[0-9]+:/, "", upstream); sub(/-[^-]*$/, "", upstream)
      if (want == "newest" || upstream == want || index(upstream, want "+") == 1) { print $2; exit } }'
}

update() { APT_CONFIG=$STATE/$suite/apt.conf apt-get -qq update >&2; }

# get TOOL: fetch, unpack, try, publish by rename. Called with its suite's lock held.
get() {
  use "$1"
  if current "$tool"; then return 0; fi # another process was faster
  prepare "$suite"
  if [ ! -f "$STATE/$suite.looked-up" ] || [ -z "$(find "$STATE/$suite.looked-up" -mmin -60)" ]; then
    say "reading the $suite package list"
    if update; then
      : >"$STATE/$suite.looked-up"
    elif present "$tool"; then
      say "$suite cannot be reached; keeping the $tool that is here"
      return 0
    else
      say "apt update failed for $suite"
      return 1
    fi
  fi
  full=$(candidate)
  [ -n "$full" ] || { say "$suite holds no $package $version"; return 1; }
  upstream=${full#*:}
  upstream=${upstream%-*}
  upstream=${upstream%%+*}
  name=$binary-$upstream
  if [ ! -f "$DEST/$name/.complete" ]; then unpack || return 1; fi
  if [ "$version" = newest ]; then
    ln -s "$name" "$STATE/link.$tool"
    mv -T -f "$STATE/link.$tool" "$DEST/$tool"
  fi
}

# unpack: makes DEST/$name from $package=$full
unpack() {
  work=$(mktemp -d "$STATE/work.XXXXXX")
  say "$name: $package $full from $suite"
  if ! (cd "$work" && APT_CONFIG=$STATE/$suite/apt.conf apt-get -qq download "$package=$full" >&2); then
    rm -rf "$work"
    say "$name: download failed"
    return 1
  fi
  mkdir "$work/tree" "$work/out"
  dpkg-deb -x "$work"/*.deb "$work/tree"
  inner=$(cd "$work/tree" && find usr/bin usr/sbin -type f \( -name restic -o -name '*rest*server*' \) 2>/dev/null | head -n 1)
  [ -n "$inner" ] || { rm -rf "$work"; say "$name: no binary in the package"; return 1; }
  cp "$work/tree/$inner" "$work/out/$binary"
  chmod 755 "$work/out/$binary"
  "$work/out/$binary" version >/dev/null 2>&1 || "$work/out/$binary" --version >/dev/null 2>&1 ||
    { rm -rf "$work"; say "$name does not run on this machine"; return 1; }
  printf '%s\n' "$full" >"$work/out/.complete"
  rm -rf "${DEST:?}/$name"
  mv "$work/out" "$DEST/$name"
  rm -rf "$work"
}

# One background job per suite: the lists are fetched side by side.
suites=$(for tool in $missing; do use "$tool"; echo "$suite"; done | sort -u)
jobs=
for each in $suites; do
  (
    exec 9>"$STATE/$each.lock"
    flock 9
    failed=0
    for wanted in $missing; do
      use "$wanted"
      if [ "$suite" = "$each" ]; then get "$wanted" || failed=1; fi
    done
    rm -f "$STATE/$each/apt.conf" # may hold the machine's proxy settings
    exit $failed
  ) &
  jobs="$jobs $!"
done
failed=0
for job in $jobs; do wait "$job" || failed=1; done
report
exit $failed
