"""The scheduler: the pipeline's order, the lock, dbt, publishing, history, schedule, status page and alerts.

It starts steps and reads their results; it carries no data. `docs/scheduler.md` tells how the parts fit.
"""
