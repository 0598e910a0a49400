#!/bin/sh
# deb says "remove", rpm says 0. An upgrade leaves the service alone. Where systemd does not run, as in a chroot, nothing can be stopped, but the
# links that enable the units go too.
set -e
case "$1" in
  remove | 0)
    if [ -d /run/systemd/system ]; then
      systemctl disable --now hoop_exporter.socket hoop_exporter.service || true
    elif command -v systemctl >/dev/null; then
      systemctl disable hoop_exporter.socket hoop_exporter.service || true
    fi
    ;;
esac
