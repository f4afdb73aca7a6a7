"""The scheduler: the pipeline's order, the lock, dbt, publishing, history, schedule, status page and alerts.

It starts steps and reads their results; no data passes through it. `docs/scheduler.md` describes the parts.
"""
