"""The exporter's two histograms and two formats, and what a scrape costs."""

from __future__ import annotations

import random
import shutil
import subprocess

import pytest
from course_fixture import START_S, window_at
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from test_exporter import exported, of_a_run

from acgs_load.contract import OPERATIONS
from acgs_load.histogram import Histogram
from acgs_load.samples import Window, WindowKey
from acgs_load.traffic.master.exporter_latency import BUCKETS_S, NATIVE_SCHEMA, LatencyBuckets
from acgs_load.traffic.master.exporter_protobuf import encoded
from acgs_load.traffic.master.exporter_text import written


@pytest.mark.parametrize("seed", range(5))
def test_no_latency_is_counted_beyond_its_bucket(seed):
    """Both histograms hold every latency; a count strays by less than what our own buckets leave open (0.4 %)."""
    chance = random.Random(seed)
    values_us = [0, *(round(chance.lognormvariate(9, 2)) for _ in range(500))]
    buckets = LatencyBuckets()
    for part in (values_us[:200], values_us[200:]):
        buckets.add(Histogram.of(part))
    for bound, count in buckets.classic()[:-1]:
        bound_us = float(bound) * 1e6
        least, most = (sum(value <= bound_us * factor for value in values_us) for factor in (0.996, 1.004))
        assert least <= count <= most
    assert buckets.classic()[-1] == ("+Inf", len(values_us))
    native, places, at, count = buckets.native(), {}, 0, 0
    deltas = iter(native.pos_deltas)
    for span in native.pos_spans:
        at += span.offset
        for _ in range(span.length):
            count += next(deltas)
            places[at] = count
            at += 1
    assert native.zero_count + sum(places.values()) == native.count_value == len(values_us)
    for place, count in places.items():
        low_us, high_us = (1e6 * 2 ** ((place - back) / 2**NATIVE_SCHEMA) for back in (1, 0))
        assert count <= sum(low_us / 1.004 <= value <= high_us * 1.004 for value in values_us)


def test_buckets_have_an_edge_at_every_default_limit():
    """A threshold's limit is one of the bounds, so that a rule on it is exact."""
    assert {1.0, 2.0, 5.0} <= set(BUCKETS_S)


def test_text_is_what_prometheus_reads(tmp_path):
    """Its own parser finds every sample again, whatever stands in a label."""
    exporter, course = of_a_run(tmp_path, window_at(1, 3))
    families = list(exporter.collect())
    odd = GaugeMetricFamily("odd", 'a "quoted" help', labels=("what",))
    odd.add_metric(['back\\slash "quote"\nline'], float("inf"))
    read = text_string_to_metric_families(written([*families, odd]).decode())
    wanted = {(s.name, *sorted(s.labels.items())): s.value for family in [*families, odd] for s in family.samples}
    found = {(s.name, *sorted(s.labels.items())): s.value for family in read for s in family.samples}
    exposition = {name for name in wanted if "exposition" in name[0]}
    assert {key: value for key, value in found.items() if key not in exposition} == {
        key: value for key, value in wanted.items() if key not in exposition
    }
    assert course.folder.path.name in written(families).decode()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool")
def test_promtool_has_nothing_to_say_of_the_metrics(tmp_path):
    """Names, types, units and help as Prometheus wants them."""
    exporter, _ = of_a_run(tmp_path, window_at(1, 3))
    text = written(exporter.collect())
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
    bad = GaugeMetricFamily("acgs_load_latencyMs", "")
    bad.add_metric((), 1.0)
    done = subprocess.run(["promtool", "check", "metrics"], input=written([bad]), capture_output=True, check=False)
    assert done.returncode != 0


def test_protobuf_bytes_by_hand():
    """One counter, spelled out byte by byte from the format's description."""
    family = CounterMetricFamily("a", "b", labels=["c"])
    family.add_metric(["d"], 2.0)
    metric = b"\x0a\x06\x0a\x01c\x12\x01d" + b"\x1a\x09\x09" + b"\0\0\0\0\0\0\0\x40"
    message = b"\x0a\x07a_total" + b"\x12\x01b" + b"\x18\x00" + b"\x22" + bytes([len(metric)]) + metric
    assert encoded([family]) == bytes([len(message)]) + message


def test_native_histograms_come_only_where_they_can_be_spelled(tmp_path):
    """Text has the classic ones; who asks for protocol buffers gets both."""
    exporter, _ = of_a_run(tmp_path, window_at(1, 3))
    content_type, text = exporter.exposition("application/openmetrics-text;version=1.0.0,text/plain")
    assert content_type.startswith("text/plain")
    assert b"latency_native" not in text
    asked = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,*/*;q=0.1"
    content_type, body = exporter.exposition(asked)
    assert content_type.startswith("application/vnd.google.protobuf")
    assert b"acgs_load_latency_native_seconds" in body
    assert b"acgs_load_latency_seconds" in body


def test_a_scrape_costs_little(tmp_path):
    """Twenty operations in four regions, after five minutes: a fraction of the seconds between two scrapes."""
    exporter, _ = of_a_run(tmp_path)
    chance = random.Random(1)
    for second in range(60):
        for region in "abcd":
            for name in OPERATIONS:
                window = Window()
                window.service = Histogram.of(round(chance.lognormvariate(9, 1)) for _ in range(5))
                exporter._see(WindowKey(int(START_S) + second, region, "x", name, "hold"), window)
    for accept in ("text/plain", "application/vnd.google.protobuf"):
        exporter.exposition(accept)
    assert exported(exporter, "exposition_seconds_count") == {(): 2}
    assert exported(exporter, "exposition_seconds_sum")[()] < 1.0
