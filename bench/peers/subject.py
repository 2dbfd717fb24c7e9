"""What a peer's process says and hears: a line of JSON for each. See bench/subject.ts."""

import json
import resource
import sys
import time


def serve(prepare, versions):
    """Prepares the work that the first argument describes, and does it whenever a line comes in."""
    options = json.loads(sys.argv[1])
    work = prepare(options)
    start = time.perf_counter()
    work()
    first = (time.perf_counter() - start) * 1e3
    for _ in range(options.get("warmup", 2)):
        work()
    say({"first": first, "versions": versions})
    for line in sys.stdin:
        runs = json.loads(line)["runs"]
        times = []
        for _ in range(runs):
            start = time.perf_counter()
            work()
            times.append((time.perf_counter() - start) * 1e3)
        # Linux counts in kilobytes, macOS in bytes.
        unit = 1 if sys.platform == "darwin" else 1024
        say({"times": times, "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit})


def say(value):
    print(json.dumps(value), flush=True)
