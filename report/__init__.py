"""The dashboards as one self-contained HTML file, as images and as CSV."""
