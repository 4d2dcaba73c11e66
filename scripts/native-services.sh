#!/usr/bin/env bash
# Unpacks PostgreSQL 17 with pgvector, and Valkey, into a folder: Debian 13's packages, run with their own libc, so that
# they work on Debian 12 and its kin too. Needs no root and installs nothing into the system. About 10 s, 105 MB.
# usage: native-services.sh FOLDER      (the folder can't be moved afterwards; nothing is done if it is complete)
# It then holds FOLDER/usr/lib/postgresql/17/bin/{initdb,postgres,psql,pgbench,…} and FOLDER/usr/bin/valkey-{server,cli}.
set -euo pipefail

folder=$(realpath -m "${1:?usage: native-services.sh FOLDER}")
for tool in apt-get dpkg flock; do
  command -v "$tool" >/dev/null || { echo "native-services: $tool is missing: this works on Debian and its kin only" >&2; exit 1; }
done
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock 9
if [ -x "$folder/usr/lib/postgresql/17/bin/postgres" ] && [ -x "$folder/usr/bin/valkey-server" ]; then exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work" "$folder/.staging"' EXIT
stage=$folder/.staging
rm -rf "$stage"
mkdir -p "$stage" "$work"/{lists/partial,cache/archives/partial,sources}
: >"$work/status"

# This machine's own Debian sources (it may use a mirror), at the release that has Postgres 17.
for list in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
  if [ -s "$list" ] && grep -Eq '^[^#]*/debian(-security)?/?([[:space:]]|$)' "$list"; then
    sed 's/bookworm/trixie/g' "$list" >"$work/sources/$(basename "$list")"
  fi
done
if [ -z "$(ls -A "$work/sources")" ]; then
  echo "deb http://deb.debian.org/debian trixie main" >"$work/sources/debian.list"
fi
apt=(apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/sources"
  -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o Dir::State::status="$work/status"
  -o APT::Sandbox::User="$(id -un)")
"${apt[@]}" update

packages=(
  postgresql-17 postgresql-17-pgvector postgresql-client-17 libpq5 valkey-server valkey-tools patchelf
  libc6 libgcc-s1 libstdc++6 zlib1g libicu76 libldap2 libsasl2-2 libssl3t64 libxml2 libxslt1.1 liblz4-1 libzstd1
  liblzma5 libpam0g libaudit1 libcap-ng0 libcap2 libgssapi-krb5-2 libkrb5-3 libk5crypto3 libcom-err2 libkrb5support0
  libkeyutils1 libuuid1 libsystemd0 libselinux1 libpcre2-8-0 libreadline8t64 libtinfo6 libedit2 libbsd0 libmd0
  libgcrypt20 libgpg-error0 libjemalloc2 liblzf1 libatomic1
)
(cd "$work" && "${apt[@]}" download "${packages[@]}")
for package in "$work"/*.deb; do dpkg -x "$package" "$stage"; done

library=usr/lib/$(uname -m)-linux-gnu
loader=$(basename "$(ls "$stage/$library"/ld-linux-*.so.*)")
patchelf() { "$stage/$library/$loader" --library-path "$stage/$library" "$stage/usr/bin/patchelf" "$@"; }
for file in "$stage"/usr/lib/postgresql/17/bin/* "$stage"/usr/bin/valkey-*; do
  if [ ! -L "$file" ] && head -c4 "$file" | grep -q ELF; then
    patchelf --set-interpreter "$folder/$library/$loader" --force-rpath --set-rpath "$folder/$library" "$file"
  fi
done
rm -rf "$stage"/usr/share/{doc,man,locale,postgresql/17/man} "$stage"/usr/lib/postgresql/17/lib/{llvmjit*,bitcode}
# Moved into place only when it is whole.
rm -rf "$folder/usr"
mv "$stage/usr" "$folder/usr"
"$folder/usr/lib/postgresql/17/bin/postgres" --version
