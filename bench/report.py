"""The results as Markdown: what docs/performance.md shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bench import aims

Results = dict[str, dict[str, Any]]


def written(about: dict[str, Any], results: Results) -> str:
    return "\n".join(_lines(about, results)) + "\n"


def _lines(about: dict[str, Any], results: Results) -> Iterator[str]:
    yield f"Taken {about['date']} on {about['machine']}; commit `{about['commit']}`; the {about['form']} form,"
    yield f"{about['minutes']} minutes. Medians of the rounds, with the least and the most behind them."
    for title, part, table in (
        ("Inbound webhook", "webhook", _webhook),
        ("From a message to the open panels", "panels", _panels),
        ("Worker", "worker", _worker),
        ("A number's pace", "pace", _pace),
        ("Inside one process", "paths", _paths),
        ("Templates, beside Jinja2's", "templates", _templates),
        ("The REST API", "api", _api),
        ("The admin", "admin", _admin),
    ):
        measured = {name: one[part] for name, one in results.items() if part in one}
        if measured:
            yield from ["", f"### {title}", "", *table(measured)]
    yield from ["", "### Aims", "", *_aims(results)]


def _webhook(measured: dict[str, Any]) -> Iterator[str]:
    head = (
        "database",
        "",
        "CPU ms",
        "of it database",
        "a second",
        "p50/p95/p99 at full speed",
        "at half of it",
    )
    yield from _table(
        head, (_webhook_row(name, side, one[side]) for name, one in measured.items() for side in _SIDES)
    )
    yield ""
    for name, one in measured.items():
        yield (
            f"- {name}: CPU {_spread(one['ratio']['cpu_ms'])} times the floor's, {_spread(one['ratio']['per_second'])} "
            f"of its speed; load average {_spread(one['load'], 1)}; the floor's CPU spread {one['floor_spread']:.2f}"
            f"{'' if one['valid'] else ': **invalid**, more than 1.5'}"
        )


_SIDES = ("floor", "ours")


def _webhook_row(name: str, side: str, one: dict[str, Any]) -> Sequence[str]:
    times = (
        "/".join(f"{one[f'{speed}_{p}']['median']:.0f}" for p in ("p50", "p95", "p99"))
        for speed in ("full", "half")
    )
    return (
        name,
        side,
        _spread(one["cpu_ms"]),
        f"{one['cpu_database_ms']['median']:.2f}",
        _spread(one["per_second"], 0),
        *times,
    )


def _panels(measured: dict[str, Any]) -> Iterator[str]:
    head = (
        "database",
        "panels",
        "delivered",
        "twice",
        "p50 ms",
        "p95",
        "p99",
        "from sending: p50/p99",
        "CPU",
        "load",
    )
    rows = (
        (
            name,
            count,
            f"{one['delivered_share']['least']:.1%}",
            f"{one['twice']['most']:.0f}",
            *(_spread(one[f"kept_{p}"], 1) for p in ("p50", "p95", "p99")),
            "/".join(f"{one[f'sent_{p}']['median']:.0f}" for p in ("p50", "p99")),
            f"{one['cpu_share']['median']:.0%}",
            _spread(one["load"], 1),
        )
        for name, counts in measured.items()
        for count, one in counts.items()
    )
    yield from _table(head, rows)


def _worker(measured: dict[str, Any]) -> Iterator[str]:
    yield from _table(
        ("database", "until sent: p50 ms", "p95", "p99", "lost", "load"), map(_latency_row, measured.items())
    )
    yield ""
    head = (
        "database",
        "at once",
        "a second",
        "of the ideal",
        "CPU ms each",
        "lost",
        "twice",
        "out of order",
        "MB",
        "load",
    )
    rows = (
        (
            name,
            width,
            _spread(one["per_second"], 0),
            _spread(one["of_ideal"]),
            _spread(one["cpu_ms"]),
            *(f"{one[bad]['most']:.0f}" for bad in ("lost", "twice", "out_of_order")),
            f"{one['pss_mb']['most']:.0f}",
            _spread(one["load"], 1),
        )
        for name, worker in measured.items()
        for width, one in worker["throughput"].items()
    )
    yield from _table(head, rows)


def _pace(measured: dict[str, Any]) -> Iterator[str]:
    head = (
        *("database", "messages", "conversations", "of the pace", "busiest second"),
        *("lost", "twice", "out of order", "MB", "grown by", "load"),
    )
    rows = (
        (
            *(
                name,
                str(one["count"]),
                str(one["width"]),
                f"{one['of_pace']:.1%}",
                str(one["busiest_second"]),
            ),
            *(str(one[bad]) for bad in ("lost", "twice", "out_of_order")),
            *(f"{one['pss_mb']:.0f}", f"{one['grown_mb']:.1f}", f"{one['load']:.1f}"),
        )
        for name, one in measured.items()
    )
    yield from _table(head, rows)


def _latency_row(item: tuple[str, Any]) -> Sequence[str]:
    name, one = item[0], item[1]["latency"]
    times = (_spread(one[p], 1) for p in ("p50", "p95", "p99"))
    return name, *times, f"{one['lost']['most']:.0f}", _spread(one["load"], 1)


def _paths(measured: dict[str, Any]) -> Iterator[str]:
    head = "database", "path", "floor ms", "ours ms", "times", "statements"
    rows = (
        (
            name,
            row["path"],
            f"{row['floor_ms']:.2f}",
            f"{row['ours_ms']:.2f}",
            f"{row['ours_ms'] / row['floor_ms']:.1f}",
            str(row["statements"]),
        )
        for name, paths in measured.items()
        for row in paths
    )
    yield from _table(head, rows)


def _templates(measured: dict[str, Any]) -> Iterator[str]:
    rows = (
        (name, row["page"], *(_spread(row[column], 1) for column in ("cpu_ms", "jinja_ms", "ratio")))
        for name, pages in measured.items()
        for row in pages
    )
    yield from _table(("database", "page", "CPU ms", "in Jinja2", "ratio"), rows)


def _api(measured: dict[str, Any]) -> Iterator[str]:
    yield from _table(
        ("database", "what", "API, CPU ms", "panel's form, CPU ms", "times"),
        [
            (
                name,
                row["what"],
                f"{row['api_ms']:.1f}",
                f"{row['panel_ms']:.1f}" if "panel_ms" in row else "",
                f"{row['api_ms'] / row['panel_ms']:.2f}" if "panel_ms" in row else "",
            )
            for name, rows in measured.items()
            for row in rows
        ],
    )


def _admin(measured: dict[str, Any]) -> Iterator[str]:
    head = "database", "page", "statements", "CPU ms", "wall clock ms"
    rows = (
        (name, row["page"], str(row["statements"]), _spread(row["cpu_ms"], 0), _spread(row["clock_ms"], 0))
        for name, pages in measured.items()
        for row in pages
    )
    yield from _table(head, rows)


def _aims(results: Results) -> Iterator[str]:
    found = (
        (one.said, name, one.told, "met" if one.met else "**missed**") for name, one in aims.judged(results)
    )
    yield from _table(("aim", "database", "measured", ""), found)


def _table(head: Sequence[str], rows: Any) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _spread(one: dict[str, float], digits: int = 2) -> str:
    median, least, most = (f"{one[name]:.{digits}f}" for name in ("median", "least", "most"))
    return median if least == most else f"{median} ({least} to {most})"
