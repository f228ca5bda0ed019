#!/usr/bin/env python3
"""Runs the workloads of tfs and of its peers, alternating, one process at a time, and writes a table in Markdown.

    python3 bench/run.py [--quick] [--runs N] [--only a,b] [--fill docs/performance.md]

Each workload is a script of its name in `tfs/` and in `peers/`. In the first round everyone runs at every thread count; whoever
was far behind in all of a workload's figures does not come again. Needs a release build, and a Python with the peers
(`--python`), which `make bench` sees to.
"""
import argparse
import collections
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
CORES = len(os.sched_getaffinity(0))
# glibc gives large blocks back to the system at once, and a fresh page costs more than arithmetic: a peer that keeps them.
TUNED = {"MALLOC_MMAP_THRESHOLD_": str(1 << 32), "MALLOC_TRIM_THRESHOLD_": str(1 << 32), "MALLOC_TOP_PAD_": str(1 << 26)}

# Those of each workload who can win; further ones can be named by hand (`peers/WORKLOAD.py --help`).
PEERS = {
    "startup": ["numpy", "torch"],
    "eager_overhead": ["numpy", "torch"],
    "gemm": ["numpy", "torch", "jax", "openblas_skylakex", "onednn"],
    "fused_elementwise": ["c_loop", "torch_compile", "tf_xla", "jax"],
    "predict_latency": ["onnxruntime", "torch_jit", "jax"],
    "mlp_train": ["jax", "torch", "keras"],
    "cnn_train": ["keras", "torch_channels_last", "torch_channels_last tuned"],
    "lstm_train": ["torch", "keras"],
    "gru_train": ["torch", "keras"],
    "resnet_train": ["torch_channels_last", "torch_channels_last tuned", "keras"],
    "transformer_train": ["torch", "torch_compile", "jax"],
    "odd_train": ["jax", "torch"],
}
ONE_THREAD = {"startup", "eager_overhead"}      # nothing there has a use for a second one
SLOW_TO_START = {"torch_compile"}               # left out of a quick run
REFERENCES = {"c_loop"}                         # no peers: compared with only where a target names them
FAR_BEHIND = 1.5

Target = collections.namedtuple("Target", "ratio against most peak", defaults=(None, None, None, None))
TARGETS = {
    ("startup", "wall_ms"): Target(most=12, peak=25),
    ("eager_overhead", "us_per_op"): Target(ratio=1, against="numpy"),
    ("eager_overhead", "us_per_op_with_gradient"): Target(ratio=4, against="torch"),
    ("fused_elementwise", "ms"): Target(ratio=1 / 1.2, against="c_loop"),
    ("mlp_train", "samples_per_s"): Target(ratio=1.4, peak=240),
    ("cnn_train", "samples_per_s"): Target(ratio=1.5, peak=110),
    ("lstm_train", "samples_per_s"): Target(ratio=1.6),
}


def target(workload, metric):
    """What a figure is to reach: a ratio to the best peer (or to one of them), a value or a peak of memory at most."""
    if (workload, metric) in TARGETS:
        return TARGETS[workload, metric]
    if workload == "gemm":
        return Target(ratio=0.95)
    if workload == "predict_latency":
        return Target(ratio=1, against="onnxruntime") if metric.endswith("p50_us") else Target()
    return Target(ratio=1)


# MARK: Running

def process(command, env):
    """Runs a command: its output, seconds, peak of memory in MB, and what went wrong, if anything did."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.perf_counter()
        child = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **env}, stdout=out, stderr=err)
        timer = threading.Timer(300, child.kill)
        timer.start()
        _, status, usage = os.wait4(child.pid, 0)        # the kernel's figure of the peak; `subprocess` has none
        seconds = time.perf_counter() - start
        timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        failure = (err.read().strip().splitlines() or [f"status {child.returncode}"])[-1] if child.returncode else None
        return out.read(), seconds, usage.ru_maxrss / 1024, failure


def measure(workload, name, threads, arguments):
    """The figures of one run as a list of rows, or what went wrong."""
    quick = ["--quick"] if arguments.quick and workload != "startup" else []
    if name == "tfs":
        command = [arguments.tfs, "run", f"bench/tfs/{workload}.tfs", *quick]
        env = {"TFS_THREADS": str(threads)}
    else:
        peer, *variant = name.split()
        command = [arguments.python, f"bench/peers/{workload}.py", "--peer", peer, "--threads", str(threads), *quick]
        env = TUNED if variant else {}
    if workload == "startup":
        process(command, env)                             # brings the files into memory
        runs = [process(command, env) for _ in range(3 if arguments.quick else 9)]
        seconds = sorted(1e3 * run[1] for run in runs)
        lines = [{"metric": "wall_ms", "unit": "ms", "value": statistics.median(seconds), "best": seconds[0]}]
        _, _, peak, failure = runs[0]
    else:
        out, _, peak, failure = process(command, env)
        lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    rows = [{"workload": workload, "name": name, "threads": threads, "peak_mb": peak, **line} for line in lines]
    if failure or not rows:
        return rows, f"{workload}, {name}, threads {threads}: {failure or 'no figures'}"
    return rows, None


def is_lower_better(row):
    return "/s" not in row["unit"]


def contenders(rows):
    """The entrants that are not far behind the best in every figure."""
    best = {}
    for row in rows:
        v = row["value"] if is_lower_better(row) else 1 / row["value"]
        best.setdefault(row["metric"], []).append((v, row["name"], row["threads"]))
    near = set()
    for figures in best.values():
        least = min((v for v, name, _ in figures if name != "tfs" and name not in REFERENCES), default=0)
        near |= {(name, threads) for v, name, threads in figures if v <= FAR_BEHIND * least}
        # tfs and the references come again at their better thread count, however they fare.
        for own in {"tfs"} | REFERENCES:
            near |= {(name, threads) for _, name, threads in sorted(f for f in figures if f[1] == own)[:1]}
    return near


def run(workload, arguments, failures):
    counts = [1] if workload in ONE_THREAD else sorted({1, CORES}, reverse=True)
    if arguments.quick:
        counts = counts[:1]
    names = ["tfs", *(name for name in PEERS[workload] if not (arguments.quick and name in SLOW_TO_START))]
    entrants = [(name, threads) for threads in counts for name in names]
    rows = []
    for turn in range(arguments.runs):
        for name, threads in entrants if turn % 2 == 0 else entrants[::-1]:
            new, failure = measure(workload, name, threads, arguments)
            rows += new
            if failure:
                failures.append(failure)
        if turn == 0:
            near = contenders(rows)
            entrants = [entrant for entrant in entrants if entrant in near]
    return rows


# MARK: The table

def summary(rows):
    """(workload, metric) -> name -> the medians over the runs at the better thread count."""
    groups = {}
    for row in rows:
        by_name = groups.setdefault((row["workload"], row["metric"]), {})
        by_name.setdefault(row["name"], {}).setdefault(row["threads"], []).append(row)
    result = {}
    for key, by_name in groups.items():
        for name, by_threads in by_name.items():
            candidates = []
            for threads, same in by_threads.items():
                lower = is_lower_better(same[0])
                candidates.append({
                    "name": name, "threads": threads, "unit": same[0]["unit"], "runs": len(same), "lower": lower,
                    "value": statistics.median(row["value"] for row in same),
                    "best": (min if lower else max)(row["best"] for row in same),
                    "peak_mb": statistics.median(row["peak_mb"] for row in same),
                    "loss": statistics.median([row["loss"] for row in same]) if "loss" in same[0] else None,
                })
            # A thread count that was left behind in the first round has fewer runs than the one that went on.
            most = max(c["runs"] for c in candidates)
            candidates = [c for c in candidates if c["runs"] == most]
            pick = min if candidates[0]["lower"] else max
            result.setdefault(key, {})[name] = pick(candidates, key=lambda c: c["value"])
    return result


def number(x):
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"


def table(found):
    lines = [
        "| workload | figure | tfs | against | theirs | ratio | best runs | peak MB | loss | target | |",
        "|---|---|---:|---|---:|---:|---:|---:|---:|---|---|",
    ]
    for (workload, metric), by_name in found.items():
        own = by_name.get("tfs")
        if not own:
            continue
        goal = target(workload, metric)
        # Both ways to predict are held against the one way of the peers.
        peers = found.get((workload, metric.replace("_predict", "")), {})
        named = [peers[goal.against]] if goal.against in peers else [p for name, p in peers.items() if name != "tfs" and name not in REFERENCES]
        if not named:
            continue
        best = (min if own["lower"] else max)(named, key=lambda p: p["value"])
        ratio = best["value"] / own["value"] if own["lower"] else own["value"] / best["value"]
        wants = [(f"{goal.ratio:.2f} ×", ratio >= goal.ratio)] if goal.ratio else []
        wants += [(f"{goal.most} {own['unit']}", own["value"] <= goal.most)] if goal.most else []
        wants += [(f"{goal.peak} MB", own["peak_mb"] <= goal.peak)] if goal.peak else []
        losses = f"{own['loss']:.3f} / {best['loss']:.3f}" if own["loss"] is not None and best["loss"] is not None else ""
        lines.append(
            f"| {workload} | {metric}, {own['unit']} | {number(own['value'])} ({own['threads']}) | {best['name']} | "
            f"{number(best['value'])} ({best['threads']}) | **{ratio:.2f}** | {number(own['best'])} / {number(best['best'])} | "
            f"{number(own['peak_mb'])} / {number(best['peak_mb'])} | {losses} | {', '.join(w for w, _ in wants)} | "
            f"{', '.join('met' if met else '**missed**' for _, met in wants)} |")
    return lines


def machine(python):
    """What was measured on, without the machine's name."""
    def after(path, key, separator):
        with open(path) as file:
            return next((line.split(separator, 1)[1].strip().strip('"') for line in file if line.startswith(key)), "unknown")
    model = after("/proc/cpuinfo", "model name", ":")
    flags = after("/proc/cpuinfo", "flags", ":").split()
    vectors = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else platform.machine()
    gigabytes = int(after("/proc/meminfo", "MemTotal", ":").split()[0]) / 1e6
    names = ["numpy", "torch", "jax", "keras", "tensorflow-cpu", "onnxruntime"]
    program = "import importlib.metadata as m, sys; print(', '.join(n + ' ' + m.version(n) for n in sys.argv[1:]))"
    versions = subprocess.run([python, "-c", program, *names], capture_output=True, text=True).stdout.strip()
    system = after("/etc/os-release", "PRETTY_NAME", "=")
    return f"{model}, {vectors}, {CORES} cores, {gigabytes:.0f} GB, {system}. Peers: {versions or 'unknown versions'}."


def report(rows, failures, arguments):
    found = summary(rows)
    lines = [machine(arguments.python), ""]
    if arguments.quick:
        lines += ["A quick run: smaller work, which says little.", ""]
    lines += table(found)
    lines += ["", "A ratio above 1 means that tfs is faster; medians over the runs, the better thread count in brackets. "
              "The loss is the mean of the last pass, tfs / the peer."]
    if failures:
        lines += ["", "Failed: " + "; ".join(dict.fromkeys(failures)) + "."]
    return "\n".join(lines) + "\n"


BEGIN, END = "<!-- begin: bench/run.py -->\n", "<!-- end -->\n"


def fill(path, text):
    """Puts the report between the two marks of a document."""
    with open(path) as file:
        before, rest = file.read().split(BEGIN)
    after = rest.split(END, 1)[1]
    with open(path, "w") as file:
        file.write(before + BEGIN + text + END + after)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smaller work, one round, all processors only")
    parser.add_argument("--runs", type=int, default=None, help="rounds (3; 1 with --quick)")
    parser.add_argument("--only", default="", help="workloads, with commas; the others keep their last figures in the table")
    parser.add_argument("--fill", default="", help="a document with the marks that the table goes between")
    parser.add_argument("--tfs", default=os.path.join(ROOT, ".build/release/tfs"))
    parser.add_argument("--python", default=os.path.join(ROOT, ".venv/bin/python"), help="one with the peers")
    arguments = parser.parse_args()
    arguments.runs = arguments.runs or (1 if arguments.quick else 3)
    chosen = arguments.only.split(",") if arguments.only else list(PEERS)
    for name in chosen:
        if name not in PEERS:
            parser.error(f"there is no workload {name}; there are {', '.join(PEERS)}")
    subprocess.run([arguments.python, os.path.join(HERE, "peers/data.py")], check=True)

    kept = os.path.join(HERE, ".data", "quick.json" if arguments.quick else "results.json")
    rows = []
    if arguments.only and os.path.exists(kept):
        with open(kept) as file:
            rows = json.load(file)
    failures = []
    for workload in chosen:
        start = time.time()
        rows = [row for row in rows if row["workload"] != workload] + run(workload, arguments, failures)
        print(f"{workload}: {time.time() - start:.0f} s", file=sys.stderr, flush=True)
        order = list(PEERS)
        rows.sort(key=lambda row: order.index(row["workload"]))
        with open(kept, "w") as file:
            json.dump(rows, file)
    text = report(rows, failures, arguments)
    print(text, end="")
    if arguments.fill:
        fill(arguments.fill, text)


if __name__ == "__main__":
    main()
