"""Families of metrics as protocol buffers, the one format in which Prometheus 2 takes native histograms.

Field numbers are those of ``io/prometheus/client/metrics.proto`` (prometheus/client_model 0.3 and later); the encoding
is that of protobuf.dev, "Encoding". Only what the exporter publishes is spelled: counters, gauges, summaries without
quantiles, histograms without exemplars.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache

from prometheus_client.core import NativeHistogram
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

CONTENT_TYPE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
_TYPES = {"counter": 0, "gauge": 1, "summary": 2, "histogram": 4}
_VARINT, _DOUBLE, _BYTES = 0, 1, 2
"""Wire types."""
_ONE_BYTE = [bytes([value]) for value in range(0x80)]


def encoded(families: Iterable[Metric]) -> bytes:
    """Every family with its length before it. Raises KeyError for a type that the exporter does not publish."""
    return b"".join(_varint(len(message)) + message for message in map(_family, families))


def _family(family: Metric) -> bytes:
    name = family.name + "_total" if family.type == "counter" else family.name
    parts = [_text(1, name), _text(2, family.documentation), _number(3, _TYPES[family.type])]
    if family.type in ("counter", "gauge"):
        field = 3 if family.type == "counter" else 2
        parts += [_metric(sample.labels, field, _double(1, sample.value)) for sample in family.samples]
    else:
        field = 4 if family.type == "summary" else 7
        for labels, samples in _grouped(family.samples):
            parts.append(_metric(labels, field, b"".join(map(_part, samples))))
    return b"".join(parts)


def _metric(labels: dict[str, str], field: int, value: bytes) -> bytes:
    return _bytes(4, b"".join([_pair(name, text) for name, text in labels.items()]) + _bytes(field, value))


@lru_cache(maxsize=4096)
def _pair(name: str, text: str) -> bytes:
    """A label: the same ones at every scrape."""
    return _bytes(1, _text(1, name) + _text(2, text))


def _grouped(samples: Iterable[Sample]) -> Iterator[tuple[dict[str, str], list[Sample]]]:
    """The samples of each summary or histogram, which differ in suffix and ``le`` only."""
    groups: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
    for sample in samples:
        labels = tuple((name, text) for name, text in sample.labels.items() if name != "le")
        groups.setdefault(labels, []).append(sample)
    for labels, group in groups.items():
        yield dict(labels), group


def _part(sample: Sample) -> bytes:
    """What one sample says within its Summary or Histogram message; both number count and sum alike."""
    if sample.native_histogram is not None:
        return _native(sample.native_histogram)
    if sample.name.endswith("_count"):
        return _number(1, int(sample.value))
    if sample.name.endswith("_sum"):
        return _double(2, sample.value)
    return _bytes(3, _number(1, int(sample.value)) + _double(2, float(sample.labels["le"])))


def _native(value: NativeHistogram) -> bytes:
    parts = [_number(1, int(value.count_value)), _double(2, value.sum_value), _signed(5, value.schema)]
    parts += [_double(6, value.zero_threshold), _number(7, int(value.zero_count))]
    parts += [_bytes(12, _signed(1, span.offset) + _number(2, span.length)) for span in value.pos_spans or ()]
    parts.append(_bytes(13, b"".join(_varint(_zigzag(delta)) for delta in value.pos_deltas or ())))
    return b"".join(parts)


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode())


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(content)) + content


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | _DOUBLE) + struct.pack("<d", value)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value)


def _signed(field: int, value: int) -> bytes:
    return _number(field, _zigzag(value))


def _zigzag(value: int) -> int:
    """Signed numbers as 0, -1, 1, -2 … are counted: small ones stay short."""
    return value * 2 if value >= 0 else -value * 2 - 1


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; every byte but the last has its top bit set."""
    if value <= 0x7F:
        return _ONE_BYTE[value]
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
