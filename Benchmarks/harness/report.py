"""Medians, spreads, and tables that can be pasted into README.md."""

import json
import os
import platform
import statistics
import subprocess
import time
from pathlib import Path


def median(values):
    return statistics.median(values)


def spread(values):
    """Half the distance between the quartiles, as a share of the median: the noise of one round."""
    if len(values) < 4:
        return (max(values) - min(values)) / 2 / median(values)
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / 2 / median(values)


def quartiles(values):
    return statistics.quantiles(values, n=4) if len(values) > 3 else (min(values), median(values), max(values))


def table(header, rows):
    cells = [header, *rows]
    widths = [max(len(str(row[column])) for row in cells) for column in range(len(header))]
    line = lambda row: "| " + " | ".join(str(cell).ljust(width) for cell, width in zip(row, widths)) + " |"
    return "\n".join([line(header), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(line, rows)])


def surroundings():
    """What the figures depend on besides the programs."""
    model = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), "unknown CPU")
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": f"{os.cpu_count()} × {model}, Linux {platform.release()}",
        "load": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "commit": _output("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"),
        "nginx": _output("/usr/sbin/nginx", "-v").rpartition("/")[2],
        "h2o": _output("h2o", "-v").partition("\n")[0].rpartition(" ")[2],
    }


def save(name, value):
    """Keeps the raw figures in Benchmarks/results/NAME.json, which git ignores."""
    folder = Path(__file__).resolve().parent.parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({**surroundings(), **value}, indent=1) + "\n")


def _output(*command):
    try:
        run = subprocess.run(command, capture_output=True, text=True)
        return (run.stdout + run.stderr).strip()
    except OSError:
        return "unknown"
