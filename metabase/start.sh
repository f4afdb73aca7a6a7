#!/bin/sh
# Gives Metabase what it takes from files, then becomes it: the password of its database, which so is in no
# container's configuration, and the driver, in a plugins folder that may be empty and in memory.
set -eu
if [ -n "${MB_DB_PASS_FILE:-}" ]; then
    MB_DB_PASS=$(cat "$MB_DB_PASS_FILE")
    export MB_DB_PASS
    unset MB_DB_PASS_FILE
fi
ln -sf /opt/metabase/duckdb.metabase-driver.jar "$MB_PLUGINS_DIR/"
exec java --add-opens java.base/java.nio=ALL-UNNAMED -jar /opt/metabase/metabase.jar
