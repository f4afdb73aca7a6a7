#!/bin/sh
# Makes each secret once, into the volume that only this service mounts, and hands every service its own copies.
#
#     init               what `up` runs: safe to run again, changes no secret that exists
#     init show NAME     print one secret (for `analytics credentials`)
#     init set NAME      read one secret from standard input, of those that only you can know
#     init rotate NAME   make one secret again, of those that no account keeps
set -eu
umask 027

all=/secrets/all
yours="alert_webhook_url smtp_password metabase_user metabase_password backup_passphrase"
# Services read these whenever they start; mongo-accounts brings MongoDB's accounts to what is here on every `up`.
ours="scheduler_token loader_token vault_token s3_access_key_id s3_secret_access_key mongo_collector_password mongo_loader_password mongo_vault_password fingerprint_key"

put() { # put FILE: standard input becomes FILE in one step, so that a kill leaves the old one or the new one
    cat >"$1.new"
    sync "$1.new"
    mv "$1.new" "$1"
    chmod 0440 "$1"
}

random() { # random BYTES: letters, digits, - and _ only, safe in a URI and in a header
    head -c "$1" /dev/urandom | base64 -w 0 | tr '+/' '-_' | tr -d '='
}

password() { # one that Metabase takes at every complexity it can be set to: a digit, cases, something else
    printf '%s-Aa1Zz2' "$(random 18)"
}

make() { # make NAME BYTES
    [ -s "$all/$1" ] || random "$2" | put "$all/$1"
}

make_password() { # make_password NAME: again where it has no digit, since Metabase never took that one
    grep -qs '[0-9]' "$all/$1" || password | put "$all/$1"
}

keep() { # keep NAME TEXT: a name that is not secret, or nothing until `set`
    [ -e "$all/$1" ] || printf %s "$2" | put "$all/$1"
}

give() { # give SERVICE NAME...
    service=$1
    shift
    for name in "$@"; do
        cmp -s "$all/$name" "/secrets/$service/$name" || put "/secrets/$service/$name" <"$all/$name"
    done
}

give_uri() { # give_uri SERVICE USER PASSWORD_NAME
    printf 'mongodb://%s:%s@mongo:27017/?authSource=admin' "$2" "$(cat "$all/$3")" | put "/secrets/$1/mongo_uri"
}

give_database_uri() { # give_database_uri SERVICE PASSWORD_NAME
    printf 'postgresql://metabase:%s@metabase-db:5432/metabase' "$(cat "$all/$2")" | put "/secrets/$1/metabase_database_uri"
}

known() { # names are plain words: no path leads out of the folder
    case $1 in *[!a-z0-9_]* | '') echo "init: no secret is called '$1'; there are: $(ls "$all" | tr '\n' ' ')" >&2; exit 2 ;; esac
    [ -e "$all/$1" ] || { echo "init: no secret is called '$1'; there are: $(ls "$all" | tr '\n' ' ')" >&2; exit 2; }
}

settable() { # the others are known to accounts that were made with them
    case " $yours " in *" $1 "*) ;; *) echo "init: expected one of $yours, found '$1'" >&2; exit 2 ;; esac
}

rotatable() { # a database's first account was made with the others
    case " $ours " in *" $1 "*) ;; *) echo "init: expected one of $ours, found '$1'" >&2; exit 2 ;; esac
}

rotate() { # rotate NAME: services go on with the old one until they are started again
    case $1 in s3_access_key_id) random 15 ;; *) random 32 ;; esac | put "$all/$1"
}

take() { # take NAME: standard input without its line break
    tr -d '\r\n' >"$all/$1.given"
    if [ "$1" = metabase_password ] && ! grep -q '[0-9]' "$all/$1.given"; then
        rm "$all/$1.given"
        echo "init: Metabase expects at least 6 characters with a digit among them, found no digit; nothing was changed" >&2
        exit 2
    fi
    put "$all/$1" <"$all/$1.given"
    rm "$all/$1.given"
}

distribute() {
    give mongo mongo_root_password
    give_uri mongo-accounts root mongo_root_password
    give mongo-accounts mongo_collector_password mongo_loader_password mongo_vault_password
    give_uri collector collector mongo_collector_password
    give collector fingerprint_key
    give_uri receiver collector mongo_collector_password
    give receiver fingerprint_key
    give iceberg s3_access_key_id s3_secret_access_key
    give_uri loader loader mongo_loader_password
    give loader s3_access_key_id s3_secret_access_key loader_token fingerprint_key
    give scheduler loader_token vault_token scheduler_token metabase_user metabase_password alert_webhook_url smtp_password
    give metabase-db metabase_db_password
    give metabase metabase_db_password
    give_uri vault vault mongo_vault_password
    give_database_uri vault metabase_db_password
    give vault vault_token backup_passphrase
}

[ "${INIT_LIBRARY:-}" ] && return 0 # a test reads the functions

make mongo_root_password 32
make mongo_collector_password 32
make mongo_loader_password 32
make mongo_vault_password 32
make s3_access_key_id 15
make s3_secret_access_key 32
make metabase_db_password 32
make_password metabase_password
make loader_token 32
make fingerprint_key 32
make vault_token 32
# Its former name, which an earlier version still reads: the token is the same after an upgrade and after the way back.
[ -s "$all/scheduler_token" ] || [ ! -s "$all/runner_token" ] || put "$all/scheduler_token" <"$all/runner_token"
make scheduler_token 32
keep metabase_user owner@claude-analytics.local
keep alert_webhook_url ''
keep backup_passphrase ''
keep smtp_password ''

case ${1:-} in
    '') distribute ;;
    show) known "${2:-}" && cat "$all/$2" ;;
    set) settable "${2:-}" && take "$2" && distribute ;;
    rotate) rotatable "${2:-}" && rotate "$2" && distribute ;;
    *) echo "init: expected nothing, 'show NAME', 'set NAME' or 'rotate NAME', found '$1'" >&2; exit 2 ;;
esac
