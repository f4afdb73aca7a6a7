#!/bin/sh
# Gives Metabase what it takes from files, then becomes it: the password of its database, which so is in no
# container's configuration, and the driver, in a plugins folder that may be empty and in memory.
#
# The official image's own script is what reads JAVA_TIMEZONE and ends Java where its memory is exhausted: a Metabase that
# goes on after that answers some requests only, and no health check sees it. We have no such script, so both are here.
set -eu
if [ -n "${MB_DB_PASS_FILE:-}" ]; then
    MB_DB_PASS=$(cat "$MB_DB_PASS_FILE")
    export MB_DB_PASS
    unset MB_DB_PASS_FILE
fi
ln -sf /opt/metabase/duckdb.metabase-driver.jar "$MB_PLUGINS_DIR/"
exec java -XX:+CrashOnOutOfMemoryError -Dfile.encoding=UTF-8 "-Duser.timezone=${JAVA_TIMEZONE:-UTC}" \
    --add-opens java.base/java.nio=ALL-UNNAMED -jar /opt/metabase/metabase.jar
