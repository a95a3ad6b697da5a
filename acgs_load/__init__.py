"""Load testing for ACGS: drive traffic, check every answer, measure, judge."""

__version__ = "0.1.0"
