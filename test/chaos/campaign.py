"""Many seeds of the pipeline, one run each, and what they come to.

What is done is written down after each seed, so that a campaign that was interrupted, or is given more seeds, goes on where
it stopped: as long as it is about the same programs, times and options.  One that had come to its end begins anew.
"""
import concurrent.futures
import json
import os
import subprocess
from collections import Counter

PATIENCE = 900      # seconds beyond its time that a run may take

# Of the totals of a run: figures that are added, by themselves or by name.
_SUMS = ("events", "records", "applied", "duplicates_on_topics", "stopped_as_expected", "fenced", "rebalances",
         "commits_without_an_answer", "replayed", "split", "lost_with_a_source", "of_them_published", "gone_with_a_topic")
_SUMS_BY_NAME = ("faults", "transactions", "anomalies", "duplicates_suppressed", "restarts")


class Campaign:
    def __init__(self, out, of, program, say=print):
        """out: where the files are; of: {option: value} for the program, and what else makes it this campaign."""
        self.out, self.of, self.program, self.say = out, of, program, say
        self.state_path = os.path.join(out, "campaign.json")
        self.results = {}       # seed: {"seed", "status", "totals", "broken"}
        os.makedirs(out, exist_ok=True)

    def command(self, seed):
        return [self.program, "pipeline", f"--seed={seed}", f"--time={self.of['time']}", *self.of["options"]]

    # -- what is done ----------------------------------------------------------

    def remember(self, seeds):
        """Takes what the last campaign has done, if it was the same and isn't at its end; gives the seeds that are left."""
        try:
            with open(self.state_path, encoding="utf-8") as file:
                state = json.load(file)
        except (OSError, ValueError):
            return seeds
        done = {result["seed"]: result for result in state["results"]} if state["of"] == self.of else {}
        left = [seed for seed in seeds if seed not in done]
        if not left:
            return seeds
        self.results = done
        return left

    def _write_down(self):
        for path, content in ((self.state_path, {"of": self.of, "results": self._in_order()}),
                              (os.path.join(self.out, "summary.json"), self.summary())):
            with open(path + ".new", "w", encoding="utf-8") as file:
                json.dump(content, file, indent=1)
                file.write("\n")
            os.replace(path + ".new", path)

    def _in_order(self):
        return [self.results[seed] for seed in sorted(self.results)]

    # -- runs --------------------------------------------------------------------

    def go(self, seeds, jobs=1):
        """So many at once."""
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            runs = [pool.submit(self._run, seed) for seed in seeds]
            try:
                for run in concurrent.futures.as_completed(runs):
                    result = run.result()
                    self.results[result["seed"]] = result
                    self._write_down()
                    self._tell(result)
            except BaseException:
                for run in runs:
                    run.cancel()
                raise

    def _run(self, seed):
        name = os.path.join(self.out, f"pipeline-{seed}")
        for ending in (".json", ".out"):
            if os.path.exists(name + ending):
                os.unlink(name + ending)
        with open(name + ".out", "wb") as out:
            try:
                status = subprocess.run(self.command(seed), check=False, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                        timeout=self.of["time"] + PATIENCE).returncode
            except subprocess.TimeoutExpired:
                status = "no end"
        try:
            with open(name + ".json", encoding="utf-8") as file:
                found = json.load(file)
        except (OSError, ValueError):
            with open(name + ".out", encoding="utf-8", errors="replace") as file:
                return {"seed": seed, "status": status, "totals": {}, "broken": [file.read()[-2000:]]}
        return {"seed": seed, "status": status, "totals": found["totals"],
                "broken": [v["verdict"] for v in found["verdicts"] if not v["kept"]]}

    @staticmethod
    def passed(result):
        return result["status"] == 0 and bool(result["totals"]) and not result["broken"]

    def _tell(self, result):
        totals = result["totals"]
        if self.passed(result):
            self.say(f"seed {result['seed']}: {totals['delivery']}, {totals['events']} events, faults: {totals['faults']}")
            return
        self.say(f"seed {result['seed']}: NOT OK")
        for text in result["broken"]:
            self.say("    " + text.replace("\n", "\n    "))
        self.say(f"    once more: {' '.join(self.command(result['seed']))}")

    # -- what they come to -------------------------------------------------------

    def summary(self):
        results = self._in_order()
        sums = {name: sum(r["totals"].get(name, 0) for r in results) for name in _SUMS}
        for name in _SUMS_BY_NAME:
            added = Counter()
            for result in results:
                added.update(result["totals"].get(name, {}))    # keeps what is 0
            sums[name] = dict(sorted(added.items()))
        return {"of": self.of, "seeds": len(results), "passed": sum(map(self.passed, results)),
                "failed": [{"seed": r["seed"], "broken": r["broken"], "once_more": " ".join(self.command(r["seed"])),
                            "logs": f"pipeline-{r['seed']}.logs"} for r in results if not self.passed(r)],
                "deliveries": dict(sorted(Counter(r["totals"]["delivery"] for r in results if r["totals"]).items())),
                **sums}
