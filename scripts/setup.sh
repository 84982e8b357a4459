#!/usr/bin/env bash
# Installs what Attune builds with, where it is missing. Debian 12 and its kin; elsewhere it says what is missing.
set -euo pipefail

packages=(g++ cmake ninja-build ccache pkg-config
  libeigen3-dev libboost-dev libfmt-dev liblbfgspp-dev
  libre2-dev nlohmann-json3-dev zlib1g-dev libjpeg62-turbo-dev libpng-dev
  libsqlite3-dev libpq-dev
  libtorch-dev libopenblas-dev libgloo-dev
  libcli11-dev doctest-dev librapidcheck-dev libbenchmark-dev
  postgresql)  # the server: tests start throw-away ones
if [ "${1:-}" = "--tools" ]; then packages+=(clang-format clang-tidy); fi
# For the fuzzers, which CI runs for seconds.
if [ "${ATTUNE_CI:-0}" = 1 ]; then packages+=(clang libclang-rt-14-dev); fi

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "This is not a Debian system. Install the equivalents of these packages, then run the command again" >&2
  echo "with ATTUNE_SKIP_SETUP=1 in the environment:" >&2
  printf '  %s\n' "${packages[@]}" >&2
  [ "${ATTUNE_SKIP_SETUP:-}" = 1 ] && exit 0
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ]; then sudo=""
elif command -v sudo >/dev/null 2>&1; then sudo="sudo"
else
  echo "Missing packages, and neither root nor sudo to install them. As root:" >&2
  echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
echo "Installing: ${missing[*]}"
$sudo apt-get update -q
# Tests need the server's programs, not a database of the system's that runs as a service.
clusters=/etc/postgresql-common/createcluster.d
if [[ " ${missing[*]} " == *" postgresql "* ]]; then
  $sudo mkdir -p "$clusters"
  echo "create_main_cluster = false" | $sudo tee "$clusters/attune.conf" >/dev/null
  trap '$sudo rm -f "$clusters/attune.conf"' EXIT
fi
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -yq --no-install-recommends "${missing[@]}"
