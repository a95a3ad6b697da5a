"""Who runs where: the one place that spells ``locust …`` command lines and starts processes."""
