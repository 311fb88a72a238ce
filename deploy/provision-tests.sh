#!/usr/bin/env bash
# Install what the tests need: Mosquitto, RabbitMQ, Chromium, CJK fonts, and PostgreSQL 17 with TimescaleDB.
#
# Run it as often as you like: what is there is left alone, and then it takes a second.
# On Debian 13 everything comes from packages. On Debian 12 (and Ubuntu 24.04, untried) the servers are
# Debian 13's, unpacked into a cache folder outside the checkout and run from there by chroot.
# FENGSUI_TEST_DATABASE_URL and FENGSUI_TEST_BROKER_URL name servers of your own; then none is installed.
set -euo pipefail

readonly cache="${XDG_CACHE_HOME:-${HOME:?set HOME or XDG_CACHE_HOME}/.cache}/fengsui"
readonly root="$cache/servers-trixie-2"
readonly native=/usr/lib/postgresql/17/bin/postgres
readonly rabbitmq=/usr/sbin/rabbitmq-server
readonly native_timescale=/usr/lib/postgresql/17/lib/timescaledb.so

main() {
  # shellcheck source=/dev/null
  . /etc/os-release
  local -a wanted=()
  chromium_path >/dev/null || wanted+=(chromium)
  has_cjk_font || wanted+=(fonts-noto-cjk)
  command -v mosquitto_pub >/dev/null || wanted+=(mosquitto-clients)
  command -v curl >/dev/null || wanted+=(curl)
  local servers=none
  if [[ -z "${FENGSUI_TEST_DATABASE_URL:-}" ]]; then
    if [[ "$ID ${VERSION_CODENAME:-}" == "debian trixie" ]]; then
      servers=native
      [[ -x $native ]] || wanted+=(postgresql-17)
      [[ -e $native_timescale ]] || wanted+=(postgresql-17-timescaledb)
      [[ -x $rabbitmq ]] || wanted+=(rabbitmq-server ca-certificates)
    else
      servers=unpacked
      [[ -e "$root/.complete" ]] || command -v mmdebstrap >/dev/null || wanted+=(mmdebstrap)
      [[ -e "$root/.complete" || -e /usr/share/keyrings/debian-archive-keyring.gpg ]] ||
        wanted+=(debian-archive-keyring)
    fi
  fi
  if [[ $servers != unpacked && -z "${FENGSUI_TEST_BROKER_URL:-}" ]]; then
    [[ -x /usr/sbin/mosquitto ]] || wanted+=(mosquitto)
  fi
  if (( ${#wanted[@]} )); then install_packages "${wanted[@]}"; fi
  if [[ $servers == unpacked && ! -e "$root/.complete" ]]; then unpack; fi
  say "ready: servers $servers$([[ $servers == unpacked ]] && echo " in $root")"
}

say() { printf 'provision-tests: %s\n' "$*" >&2; }

refuse() {
  say "$*"
  exit 1
}

chromium_path() { command -v chromium || command -v chromium-browser || command -v google-chrome; }

has_cjk_font() {
  [[ -e /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc ]] ||
    { command -v fc-list >/dev/null && [[ -n "$(fc-list :lang=zh-cn family 2>/dev/null)" ]]; }
}

# Run a command as root: directly, or by sudo where that asks no password.
as_root() {
  if (( EUID == 0 )); then "$@"; else sudo -n "$@"; fi
}

may_be_root() { (( EUID == 0 )) || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }; }

install_packages() {
  may_be_root || refuse "these packages are missing and neither root nor sudo is at hand;" \
    "ask for: apt-get install $*"
  say "installing $*"
  # Creating the distribution's default cluster would start a server that no test uses.
  local cluster=/etc/postgresql-common/createcluster.conf
  if [[ " $* " == *" postgresql-17 "* && ! -e $cluster ]]; then
    as_root mkdir -p "${cluster%/*}"
    echo 'create_main_cluster = false' | as_root tee "$cluster" >/dev/null
  fi
  as_root apt-get -qq -o DPkg::Lock::Timeout=300 update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install "$@" >/dev/null
}

# Say where this machine takes Debian's packages from; nothing on another distribution.
debian_mirror() {
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(ORIGIN) $(LABEL) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk '$1 == "Debian" && $2 == "Debian" && $3 == "main" { print $4; exit }'
}

# Unpack PostgreSQL, TimescaleDB, Mosquitto and RabbitMQ of Debian 13 beside the system, whole or not at all.
unpack() {
  (( EUID == 0 )) || refuse "this system has no PostgreSQL 17 with TimescaleDB, and unpacking one needs" \
    "root: run it as root (sudo make test), or set FENGSUI_TEST_DATABASE_URL and FENGSUI_TEST_BROKER_URL"
  mkdir -p "$cache"
  # What runs below inherits the lock: if this script is killed, the next waits for the orphan's end.
  exec 9>"$cache/lock"
  flock 9
  [[ ! -e "$root/.complete" ]] || return 0
  rm -rf --one-file-system "$cache"/servers-*.partial "$root"
  local partial="$root.partial" mirror
  mirror="${FENGSUI_TEST_DEBIAN_MIRROR:-$(debian_mirror)}"
  say "unpacking PostgreSQL 17, TimescaleDB, Mosquitto and RabbitMQ into $root (once, about a minute)"
  # The first hook: no default cluster. Without a mirror mmdebstrap takes Debian's own.
  # shellcheck disable=SC2016
  mmdebstrap --quiet --mode=root --variant=minbase \
    --include=postgresql-17,postgresql-17-timescaledb,mosquitto,rabbitmq-server,ca-certificates \
    --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
    --aptopt='Acquire::Retries "5"' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --essential-hook='mkdir -p "$1/etc/postgresql-common"' \
    --essential-hook='echo create_main_cluster = false >"$1/etc/postgresql-common/createcluster.conf"' \
    trixie "$partial" ${mirror:+"$mirror"} </dev/null
  [[ -x "$partial$native" && -e "$partial$native_timescale" && -x "$partial/usr/sbin/mosquitto" &&
    -x "$partial$rabbitmq" ]] ||
    refuse "the unpacked folder lacks a server; remove $partial and try again"
  # A server that runs inside asks for randomness and a place to discard, nothing else.
  for device in null:3 zero:5 random:8 urandom:9; do
    [[ -c "$partial/dev/${device%:*}" ]] || mknod -m 666 "$partial/dev/${device%:*}" c 1 "${device#*:}"
  done
  # The folder's servers run as their own users, so every folder above must let them through.
  mkdir -p -m 1777 "$partial/run/fengsui"
  touch "$partial/.complete"
  sync -f "$partial"
  mv -T "$partial" "$root"
}

main "$@"
