"""The dashboards as one self-contained HTML file, as pictures and as CSV."""
