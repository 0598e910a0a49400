#!/bin/sh
# deb says "remove", rpm says 0. An upgrade leaves the service alone.
set -e
if [ -d /run/systemd/system ]; then
  case "$1" in
    remove | 0) systemctl disable --now hoop_exporter.socket hoop_exporter.service || true ;;
  esac
fi
