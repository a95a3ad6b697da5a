"""What master and workers say to each other beside what Locust itself says."""

from __future__ import annotations

PLAN = "acgs_plan"
"""Master: the plan, which worker of how many you are, the master's epoch seconds."""
START = "acgs_start"
"""Master: the epoch second at which the run began."""
RATE = "acgs_rate"
"""Master: from which second of the run on, until which, how many arrivals per second (None: as before), the phase."""
END = "acgs_end"
"""Master: the second of the run at which it ended, and whether to hurry."""
PONG = "acgs_pong"
"""Master: a ping back, with the master's epoch seconds."""
DEAL = "acgs_deal"
"""Master: from which second of the run on who plays which arrivals of an open load."""
REFUSED = "acgs_refused"
"""Master: you cannot take part, and why."""

HELLO = "acgs_hello"
"""Worker, before it says anything else but pings: its passport."""
READY = "acgs_ready"
"""Worker: who it is, or why it cannot take part."""
PING = "acgs_ping"
"""Worker: its epoch seconds, for the comparison of clocks."""
FINAL = "acgs_final"
"""Worker: that was all, and how much it should have been."""

TO_WORKERS = frozenset({PLAN, START, RATE, END, PONG, DEAL, REFUSED})
TO_MASTER = frozenset({HELLO, READY, PING, FINAL})
REPORT = "acgs"
"""The key under which a worker's report rides on Locust's own."""
