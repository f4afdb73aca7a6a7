#!/bin/sh
# Starts the Iceberg catalog and its S3 store. The keys reach the server in a file of its own memory, not in the container's
# configuration, where anyone who may ask Docker could read them, nor in the environment: the server logs the id of a key
# that it finds there. The one identity is the loader's; the catalog lets none with fewer rights make a table.
set -eu
(umask 077 && : >/tmp/identities.json)
cat >/tmp/identities.json <<END
{"identities": [{"name": "loader", "actions": ["Admin", "Read", "Write", "List", "Tagging"], "credentials": [
  {"accessKey": "$(cat /run/secrets/s3_access_key_id)", "secretKey": "$(cat /run/secrets/s3_secret_access_key)"}]}]}
END
exec /usr/bin/weed -logtostderr=true mini -dir=/data -ip=iceberg -ip.bind=0.0.0.0 -s3.config=/tmp/identities.json \
    -tableBucket=iceberg-tables -webdav=false -admin.ui=false -master.telemetry=false
