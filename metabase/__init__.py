"""Our dashboards in Metabase: first start, provisioning, and the switch to a new generation."""
