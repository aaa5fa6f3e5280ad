"""Prometheus' text format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class Gauge:
    name: str
    help: str
    samples: list[tuple[Labels, float]]

    def lines(self) -> Iterator[str]:
        yield from _head(self.name, self.help, "gauge")
        for labels, value in self.samples:
            yield _sample(self.name, labels, value)


@dataclass(frozen=True, slots=True)
class Histogram:
    """``counts`` has one more than there are ``bounds``: what lies beyond the last."""

    name: str
    help: str
    bounds: Sequence[float]
    counts: Sequence[float]
    total: float

    def lines(self) -> Iterator[str]:
        yield from _head(self.name, self.help, "histogram")
        below = list(accumulate(self.counts))
        for bound, count in zip([f"{bound:g}" for bound in self.bounds] + ["+Inf"], below, strict=True):
            yield _sample(f"{self.name}_bucket", {"le": bound}, count)
        yield _sample(f"{self.name}_sum", {}, self.total)
        yield _sample(f"{self.name}_count", {}, below[-1])


def text(found: Iterable[Gauge | Histogram]) -> str:
    return "".join(line + "\n" for one in found for line in one.lines())


def _head(name: str, said: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {said}"
    yield f"# TYPE {name} {kind}"


def _sample(name: str, labels: Labels, value: float) -> str:
    inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"{name}{{{inside}}} {value:.10g}" if inside else f"{name} {value:.10g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
