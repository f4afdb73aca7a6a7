#!/bin/sh
# Healthy means that an object was read: the catalog answers before its volumes do. The first check writes the object and
# fails, the next one finds it.
#
# Once its disk was full, the catalog's own database refuses every write until it is opened again, room or not. So the
# server ends as soon as there is room, and Docker starts it again.
set -eu
was_full=/tmp/disk-was-full
set -- $(df -Pk /data | tail -n 1)
if [ "$4" -lt 16384 ]; then # KiB
    touch "$was_full"
elif [ -e "$was_full" ] && [ "$4" -gt 65536 ]; then
    echo "there is room again: starting the server again"
    kill 1
    sleep 5
    kill -9 -1
fi
probe=http://127.0.0.1:8888/healthcheck/probe
wget -q -O /dev/null http://127.0.0.1:8333/healthz
if ! wget -q -O - "$probe" | grep -q alive; then
    form='--x\r\nContent-Disposition: form-data; name="file"; filename="probe"\r\n\r\nalive\r\n--x--\r\n'
    wget -q -O /dev/null --header 'Content-Type: multipart/form-data; boundary=x' --post-data "$(printf -- "$form")" "$probe"
    exit 1
fi
