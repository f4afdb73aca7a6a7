"""Code that several packages share: settings, paths, the Iceberg catalog, clients, result types."""

VERSION = "0.1.0"
"""The product's version; pyproject.toml and the images carry the same."""
