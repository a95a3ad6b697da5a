"""The table of settings: flag, configuration file key, environment variable, kind, default and help of each."""

from __future__ import annotations

from typing import Any, NamedTuple

from acgs_load.contract import DEFAULT_CONSTITUTIONAL_HASH

TEST_TYPES = ("smoke", "enterprise", "distributed", "spike", "stress", "constitutional", "endurance", "capacity")
PLACES = ("local", "ssh", "compose", "kubernetes")
SECRETS = ("ACGS_PASSWORD", "ACGS_TOKEN", "ACGS_RUN_SECRET", "ACGS_WEB_PASSWORD")
"""Read from the environment by the process that sends them; never in a file, a plan or a line of output."""
CONFIG_FILE_VARIABLE = "ACGS_CONFIG_FILE"
CPU_QUERY = (
    "1 - sum(irate(node_cpu_seconds_total{mode=~'idle|iowait'}[5m]) and node_cpu_seconds_total)"
    " / count(node_cpu_seconds_total{mode='idle'})"
)
"""Between the last two scrapes; ``and`` leaves out a machine that is not scraped any more."""
MEMORY_QUERY = "1 - sum(node_memory_MemAvailable_bytes) / sum(node_memory_MemTotal_bytes)"


class Setting(NamedTuple):
    """One row of the table."""

    name: str
    """Attribute of ``Settings`` and key of the flags given to ``resolve``."""
    key: str
    """Key in the configuration file, and the name that ``Plan.origins`` uses."""
    flag: str | None
    env: str | None
    kind: str
    """Which values are legal: a key of ``setting_kinds.KINDS``."""
    default: Any
    """None: the test type decides, or there is none."""
    help: str


# fmt: off
SETTINGS = (
    Setting("test_name", "TEST_NAME", "--test-name", "ACGS_TEST_NAME", "name", None,
            "names the run's folder; the test type when absent"),
    Setting("test_type", "TEST_TYPE", "--test-type", "ACGS_TEST_TYPE", "test_type", "enterprise",
            "what to run: " + ", ".join(TEST_TYPES)),
    Setting("target", "TARGET_HOST", "--target", "ACGS_TARGET_HOST", "target", "http://localhost:8080",
            "base URL of the target; embedded[:PORT] starts the reference gateway here (port 0: any free one)"),
    Setting("allowed_targets", "ALLOWED_TARGETS", "--i-may-load", "ACGS_ALLOWED_TARGETS", "hosts", (),
            "a host other than this machine that may be loaded; repeatable; the flag is remembered"),
    Setting("users", "USERS", "--users", "ACGS_USERS", "users", None,
            "concurrent users; under --rate the pool that sends the requests"),
    Setting("duration", "TEST_DURATION", "--duration", "ACGS_TEST_DURATION", "duration", None,
            "length of the run: 90s, 30m, 2h"),
    Setting("spawn_rate", "SPAWN_RATE", "--spawn-rate", "ACGS_SPAWN_RATE", "positive", None,
            "users started per second"),
    Setting("rate", "RATE", "--rate", "ACGS_RATE", "rate", None,
            "open load: requests per second, or a ramp such as 0:2000@5m; capacity begins its search there"),
    Setting("arrivals", "ARRIVALS", "--arrivals", "ACGS_ARRIVALS", "arrivals", "constant",
            "how an open load's requests are spaced: constant or poisson"),
    Setting("target_rps", "TARGET_RPS", "--target-rps", "ACGS_TARGET_RPS", "positive", None,
            "throughput to demand, in requests per second"),
    Setting("thresholds", "THRESHOLDS", "--threshold", None, "thresholds", (),
            "a threshold such as 'latency_p95_ms <= 500'; repeatable; replaces the default on the same measure"),
    Setting("workers", "WORKERS", "--workers", "ACGS_WORKERS", "workers", None,
            "worker processes, over all nodes; one less than there are CPUs when absent"),
    Setting("min_workers", "MIN_WORKERS", "--min-workers", "ACGS_MIN_WORKERS", "quorum", 0.9,
            "share of the workers that must be there, 0.9 or 90%; with fewer the run ends INVALID"),
    Setting("restart_workers", "RESTART_WORKERS", "--restart-workers", "ACGS_RESTART_WORKERS", "switch", False,
            "start workers of this machine anew when they die"),
    Setting("nodes", "LOAD_TEST_NODES", None, None, "nodes", (),
            "the machines that generate load"),
    Setting("place", "PLACE", "--place", "ACGS_PLACE", "place", "local",
            "where the load is generated: " + ", ".join(PLACES)),
    Setting("simulate_regions", "SIMULATE_REGIONS", "--simulate-regions", "ACGS_SIMULATE_REGIONS", "switch", False,
            "give each region on this machine a network with its real delay (Linux, root)"),
    Setting("region_links", "REGION_LINKS", None, None, "links", {},
            "simulated regions: round trip (rtt_ms) and loss (loss_ratio) by region"),
    Setting("kubernetes", "KUBERNETES", None, None, "kubernetes", None,
            "image, namespace, context, cpu, memory, storage, storage_class, region_label, pull_secret"),
    Setting("seed", "SEED", "--seed", "ACGS_SEED", "seed", 1,
            "makes users, data and order repeatable"),
    Setting("baseline", "BASELINE", "--baseline", "ACGS_BASELINE", "text", None,
            "run folder that the run is compared with"),
    Setting("min_capacity", "MIN_CAPACITY", "--min-capacity", "ACGS_MIN_CAPACITY", "positive", None,
            "stress and capacity: least requests per second to pass"),
    Setting("mix", "MIX", None, None, "mix", None,
            "weight of each scenario; a scenario not named is not run"),
    Setting("think_time", "THINK_TIME", None, None, "think_time", (0.1, 2.0),
            "pause after each iteration in closed load: seconds, or [least, most]"),
    Setting("timeout", "TIMEOUT", None, "ACGS_TIMEOUT", "duration", 30.0,
            "longest wait for an answer, from send to last byte"),
    Setting("constitutional_hash", "CONSTITUTIONAL_HASH", None, "CONSTITUTIONAL_HASH", "hash",
            DEFAULT_CONSTITUTIONAL_HASH, "the hash that every request carries and every answer must"),
    Setting("compliance_monitoring", "CONSTITUTIONAL_COMPLIANCE_MONITORING", None,
            "CONSTITUTIONAL_COMPLIANCE_MONITORING", "switch", True,
            "show the compliance score while the run lasts (it is judged either way)"),
    Setting("compliance_min", "COMPLIANCE_THRESHOLD", None, "ACGS_COMPLIANCE_THRESHOLD", "ratio", 0.95,
            "least compliance score"),
    Setting("tenants", "TENANTS", None, None, "tenants", tuple(f"tenant-{number:02}" for number in range(1, 11)),
            "tenant ids, or how many to make up"),
    Setting("accounts", "ACCOUNTS", None, None, "accounts", (),
            "who logs in; passwords come from the environment (ACGS_PASSWORD)"),
    Setting("routes", "ROUTES", None, None, "routes", {},
            "operation → METHOD /path on a real deployment"),
    Setting("headers", "HEADERS", None, None, "headers", {},
            "sent with every request beside the contract's"),
    Setting("tls_verify", "TLS_VERIFY", "--insecure", "ACGS_TLS_VERIFY", "switch", True,
            "do not verify the target's certificate (in file and environment: false); the report says so"),
    Setting("ca_file", "CA_FILE", "--ca-file", "ACGS_CA_FILE", "text", None,
            "PEM file of authorities to trust, instead of the system's; at the same place on every machine"),
    Setting("transport", "TRANSPORT", "--transport", "ACGS_TRANSPORT", "transport", "fast",
            "HTTP client of the users: fast, or plain (requests: proxies, odd set-ups; some twenty times dearer)"),
    Setting("target_metrics", "TARGET_METRICS", "--target-metrics", "ACGS_TARGET_METRICS", "target_metrics", "auto",
            "where the target's CPU and memory are read: prometheus://HOST:9090, a /metrics URL (node_exporter or a"
            " process), docker:NAME,NAME, pid:NUMBER, none; auto: a target on this machine, from itself"),
    Setting("target_cpu_query", "TARGET_CPU_QUERY", None, "ACGS_TARGET_CPU_QUERY", "text", CPU_QUERY,
            "PromQL that gives the share of the target's CPU in use, 0 to 1"),
    Setting("target_memory_query", "TARGET_MEMORY_QUERY", None, "ACGS_TARGET_MEMORY_QUERY", "text", MEMORY_QUERY,
            "PromQL that gives the share of the target's memory in use, 0 to 1"),
    Setting("target_cpus", "TARGET_CPUS", None, "ACGS_TARGET_CPUS", "positive", None,
            "CPUs of the target's machine, where its /metrics page is that of a process on another machine"),
    Setting("target_memory_gib", "TARGET_MEMORY_GIB", None, "ACGS_TARGET_MEMORY_GIB", "positive", None,
            "memory of that machine, in GiB"),
    Setting("live", "LIVE", "--no-live", "ACGS_LIVE", "switch", True,
            "a line every ten seconds instead of the live view (so too without a terminal, in CI, with NO_COLOR)"),
    Setting("output", "OUTPUT", "--output", "ACGS_OUTPUT", "text", "reports",
            "where run folders are made"),
    Setting("analysis", "ANALYSIS", "--no-analysis", "ACGS_ANALYSIS", "switch", True,
            "skip the automatic analysis"),
    Setting("web_ui", "WEB_UI", "--web-ui", "ACGS_WEB_UI", "switch", False,
            "serve Locust's web UI during the run"),
    Setting("web_host", "LOCUST_WEB_HOST", None, "LOCUST_WEB_HOST", "host", "127.0.0.1",
            "where the web UI listens; beyond loopback only with a login (ACGS_WEB_PASSWORD)"),
    Setting("web_port", "LOCUST_WEB_PORT", None, "LOCUST_WEB_PORT", "port", 8089,
            "port of the web UI"),
    Setting("exporter_port", "EXPORTER_PORT", "--exporter-port", "ACGS_EXPORTER_PORT", "exporter_port", 9646,
            "port of the Prometheus metrics; open to this machine only unless it is named, 0: none"),
    Setting("master_host", "LOCUST_MASTER_HOST", None, "LOCUST_MASTER_HOST", "host", "localhost",
            "where workers on other machines find the master"),
    Setting("master_port", "LOCUST_MASTER_PORT", None, "LOCUST_MASTER_PORT", "port", 5557,
            "port of the master"),
    Setting("master_bind_host", "LOCUST_MASTER_BIND_HOST", None, "LOCUST_MASTER_BIND_HOST", "host", None,
            "where the master listens: loopback, or every interface when workers on other machines dial in"),
)
# fmt: on
"""Every setting; each can be given by its key in the configuration file."""
