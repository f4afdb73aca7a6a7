"""What several rooms share: settings, paths, the Iceberg catalog, clients, result types. Nothing else lives here."""

VERSION = "0.1.0"
"""The product's version; pyproject.toml and the images carry the same."""
