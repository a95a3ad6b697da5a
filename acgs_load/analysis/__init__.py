"""The reader: turns a finished run folder into measures, a verdict and reports. It never runs load."""
