#!/bin/sh
# Starts the Iceberg catalog and its S3 store. The keys reach the server's environment here, not in the container's
# configuration, where anyone who may ask Docker could read them.
set -eu
AWS_ACCESS_KEY_ID=$(cat /run/secrets/s3_access_key_id)
AWS_SECRET_ACCESS_KEY=$(cat /run/secrets/s3_secret_access_key)
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
exec /usr/bin/weed -logtostderr=true mini -dir=/data -ip=iceberg -ip.bind=0.0.0.0 \
    -tableBucket=iceberg-tables -webdav=false -admin.ui=false -master.telemetry=false
