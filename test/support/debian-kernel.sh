#!/bin/sh
# Fetches Debian's kernel package and unpacks it where the microVM tests look for it; needs apt-get, dpkg-deb and depmod.
set -eu
target=$(cd "$(dirname "$0")/../.." && pwd)/.cache/debian-kernel
package=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9.]*-[0-9]*-amd64\)$/\1/p')
version=${package#linux-image-}
[ -e "$target/boot/vmlinuz-$version" ] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && apt-get download -q "$package" 2>/dev/null)
mkdir -p "$target"
dpkg-deb -x "$work"/*.deb "$target"
depmod -b "$target" "$version"
