"""The dashboards as files: one definition feeds Metabase and the HTML report."""
