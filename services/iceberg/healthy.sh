#!/bin/sh
# Healthy means that an object was read: the catalog answers before its volumes do. The first check writes the object and
# fails, the next one finds it.
set -eu
probe=http://127.0.0.1:8888/healthcheck/probe
wget -q -O /dev/null http://127.0.0.1:8333/healthz
if ! wget -q -O - "$probe" | grep -q alive; then
    form='--x\r\nContent-Disposition: form-data; name="file"; filename="probe"\r\n\r\nalive\r\n--x--\r\n'
    wget -q -O /dev/null --header 'Content-Type: multipart/form-data; boundary=x' --post-data "$(printf -- "$form")" "$probe"
    exit 1
fi
