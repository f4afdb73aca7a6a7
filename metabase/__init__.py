"""Dashboards as files: one definition feeds Metabase and a self-contained HTML report."""
