"""Prometheus metrics, computed from the history and the published generation on request."""

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from scheduler.backup_run import last_backup
from scheduler.service import Service
from scheduler.web.status import Standing

PREFIX = "claude_analytics"


def render_metrics(service: Service, standing: Standing) -> bytes:
    """The text that Prometheus scrapes."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Metrics(service, standing))
    return generate_latest(registry)


class _Metrics(Collector):
    def __init__(self, service: Service, standing: Standing) -> None:
        self._service, self._standing = service, standing

    def collect(self) -> Iterator[Metric]:
        yield from self._runs()
        yield from self._published()
        yield _gauge("paused", "1 while the schedule is paused", float(self._service.is_paused))
        incident = self._service.runner.alerts.incident() is not None
        yield _gauge("incident", "1 while an incident is open", float(incident))
        yield from self._backup()
        yield from self._collectors()
        yield from self._disk()
        stores = GaugeMetricFamily(f"{PREFIX}_store_bytes", "Bytes of each store on disk", labels=["store"])
        for store in self._standing.stores():
            stores.add_metric([store.name], store.bytes)
        yield stores
        yield _gauge("transcripts_at_risk", "Transcripts with lines not yet published", len(self._standing.at_risk()))

    def _runs(self) -> Iterator[Metric]:
        history = self._service.history
        runs = CounterMetricFamily(f"{PREFIX}_runs", "Runs in the history", labels=["kind", "status"])
        for row in history.query("select kind, status, count(*) as count from runs group by kind, status"):
            runs.add_metric([row["kind"], row["status"]], row["count"])
        yield runs
        running = history.last("running")
        yield _gauge("running", "1 while the pipeline runs", float(running is not None))
        last, good = history.last("succeeded", "unchanged", "failed"), history.last("succeeded", "unchanged")
        if last is not None and last.seconds is not None:
            yield _gauge("last_run_seconds", "Duration of the last run", last.seconds)
            yield _gauge("last_run_succeeded", "1 when the last run succeeded", float(last.status != "failed"))
            steps = GaugeMetricFamily(f"{PREFIX}_step_seconds", "Seconds of each step of the last run", labels=["step"])
            for step in history.steps(last.id):
                steps.add_metric([step.name], step.seconds)
            yield steps
        if good is not None:
            when = good.started_at.timestamp()
            yield _gauge("last_success_timestamp_seconds", "Start of the last run that succeeded", when)

    def _backup(self) -> Iterator[Metric]:
        backup = last_backup(self._service.history)
        if backup is not None:
            moment = datetime.fromisoformat(backup["at"]).timestamp()
            yield _gauge("backup_timestamp_seconds", "Time of the last backup", moment)
            yield _gauge(
                "backup_bytes", "Size of the last backup with every part that it uses, in bytes", backup["size"]
            )
            yield _gauge("backup_seconds", "Duration of the last backup in seconds", backup["seconds"])

    def _collectors(self) -> Iterator[Metric]:
        seen = GaugeMetricFamily(
            f"{PREFIX}_collector_seen_timestamp_seconds", "Time of the collector's last heartbeat", labels=["host"]
        )
        line = GaugeMetricFamily(
            f"{PREFIX}_collector_line_timestamp_seconds", "Time of the collector's newest line", labels=["host"]
        )
        problem = GaugeMetricFamily(
            f"{PREFIX}_collector_problem", "1 if the collector cannot read its transcripts", labels=["host"]
        )
        files = GaugeMetricFamily(
            f"{PREFIX}_collector_files", "Transcripts that the collector has read", labels=["host"]
        )
        for state in {state.host: state for state in reversed(self._standing.collectors())}.values():
            for gauge, moment in ((seen, state.seen_at), (line, state.last_line_at)):
                if moment is not None:
                    gauge.add_metric([state.host], moment.timestamp())
            problem.add_metric([state.host], float(state.problem is not None))
            files.add_metric([state.host], state.files)
        yield from (seen, line, problem, files)

    def _disk(self) -> Iterator[Metric]:
        """The file system of the DuckDB volume, which in the appliance is the other volumes', too."""
        folder = next(path for path in (self._standing.volume.root, Path("/")) if path.exists())
        usage = shutil.disk_usage(folder)
        yield _gauge("disk_free_bytes", "Free bytes on the DuckDB volume's file system", usage.free)
        yield _gauge("disk_bytes", "Bytes of that file system", usage.total)
        free = GaugeMetricFamily(f"{PREFIX}_volume_free_bytes", "Free bytes where it lies", labels=["volume"])
        total = GaugeMetricFamily(f"{PREFIX}_volume_bytes", "Bytes of that file system", labels=["volume"])
        for volume in self._standing.volumes():
            free.add_metric([volume.name], volume.free_bytes)
            total.add_metric([volume.name], volume.total_bytes)
        yield from (free, total)

    def _published(self) -> Iterator[Metric]:
        generation = self._standing.generation()
        if generation is None:
            return
        yield _gauge("generation", "Number of the published generation", generation.number)
        created = generation.created_at.timestamp()
        yield _gauge("generation_timestamp_seconds", "Time of the publication", created)
        rows = GaugeMetricFamily(f"{PREFIX}_rows", "Rows of each published table", labels=["table"])
        for table, count in generation.row_counts.items():
            rows.add_metric([table], count)
        yield rows


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)
