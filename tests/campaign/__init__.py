"""Proves by campaign that the suite cannot be fooled: every planted defect, under every kind of load."""
