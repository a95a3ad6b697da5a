"""The attacker: everything that runs inside Locust, under gevent. It never reads results back."""
