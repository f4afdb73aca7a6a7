"""`./analytics spark serve` starts the Spark server; `spark dbt ARGS...` runs dbt on it, `spark compare` its marts."""

import argparse
import os
import signal
import sys
from pathlib import Path

from common.errors import AnalyticsError, UsageError
from common.paths import DataPaths
from common.settings import Settings, load_settings

_DBT = Path(__file__).resolve().parent.parent / "dbt"
_ENDS = {signal.SIGTERM, signal.SIGINT}


def main(args: list[str]) -> int:
    """Run one of the two commands and return its exit code."""
    parser = argparse.ArgumentParser(prog="analytics spark", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="the Spark server, until it is ended")
    serving.add_argument("--data", help="the data directory")
    comparing = commands.add_parser("compare", help="every mart of Spark with DuckDB's of the same history")
    comparing.add_argument("--data", help="the data directory")
    dbt = commands.add_parser("dbt", help="any dbt command against the running server", add_help=False)
    dbt.add_argument("--data", help="the data directory")
    given, rest = parser.parse_known_args(args)
    try:
        settings = load_settings(data_dir=given.data)
        if given.command == "dbt":
            return run_dbt(settings, rest)
        if rest:
            raise UsageError(f"spark {given.command}: expected --data DIR or nothing, found {rest[0]}; leave it out")
        return serve(settings) if given.command == "serve" else show_comparison(settings)
    except AnalyticsError as error:
        print(f"Error: {error}", file=sys.stderr)
        return error.exit_code


def serve(settings: Settings) -> int:
    """Serve the lake and its flattened lines over Thrift until SIGTERM or SIGINT."""
    from spark.flattened import create_views  # noqa: PLC0415 - dbt's command needs neither Spark nor Arrow
    from spark.session import start_session  # noqa: PLC0415 - as above

    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    folder = settings.data_dir / "spark"
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)  # Derby, which Hive's server brings, writes beside it
    session = start_session(settings, folder)
    create_views(session, settings.tool_output_limit, DataPaths.of(settings).duckdb.work_database)
    jvm = session.sparkContext._jvm
    assert jvm is not None  # it has just answered
    server = jvm.org.apache.spark.sql.hive.thriftserver.HiveThriftServer2.startWithContext(
        session._jsparkSession.sqlContext()
    )
    print(f"Spark answers on {settings.spark_host}:{settings.spark_port}", flush=True)
    signal.sigwait(_ENDS)
    server.stop()
    session.stop()
    return 0


def show_comparison(settings: Settings) -> int:
    """Print how each mart of Spark differs from that of the published database; 1 where any does."""
    from common.catalog import open_catalog  # noqa: PLC0415 - as above
    from spark.compare import compare  # noqa: PLC0415 - as above

    equal, different = compare(DataPaths.of(settings).duckdb.published_database, open_catalog(settings))
    for mart, message in different:
        print(f"{mart}: {message}")
    print(f"{len(equal)} marts are equal, {len(different)} differ")
    return 1 if different else 0


def run_dbt(settings: Settings, args: list[str]) -> int:
    """Run one dbt command with this terminal; statements go to the Spark server."""
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 - three seconds

    from spark.statements import install  # noqa: PLC0415 - as above

    folder = settings.data_dir / "dbt" / "spark"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ |= {
        "DBT_TARGET": "spark",
        "DBT_PROJECT_DIR": str(settings.dbt_project_dir or _DBT),
        "DBT_PROFILES_DIR": str(settings.dbt_project_dir or _DBT),
        "DBT_TARGET_PATH": str(folder),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_VERSION_CHECK": "false",
        "SPARK_HOST": settings.spark_host,
        "SPARK_PORT": str(settings.spark_port),
        "TIMEZONE": settings.timezone,
        "BUILT_LOAD_ID": "",
        "MODEL_PRICES_CSV": "",
    }
    install()
    outcome = dbtRunner().invoke(args)
    if outcome.exception is not None and not outcome.success:
        print(f"Error: {outcome.exception}", file=sys.stderr)
    return 0 if outcome.success else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
