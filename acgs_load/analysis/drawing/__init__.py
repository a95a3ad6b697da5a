"""Panels, close-ups and pictures: the same numbers as SVG, script and PNG."""
