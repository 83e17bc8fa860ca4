"""Figures and verdicts of a run: as text while they come, and as files in the end."""
import json
import os

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Report:
    def __init__(self, options, folder="soak"):
        """folder: in build."""
        self.options = options
        self.out = os.path.join(TOP, "build", folder)
        self.lines = []
        self.verdicts = []
        self.series = {}
        self.load_before = os.getloadavg()[0]

    def say(self, text):
        self.lines.append(text)
        print(text, flush=True)

    def figures(self, watch, daemons):
        """Lowest / median / highest of each sixth of the run."""
        self.say(f"{'lowest/median/highest of each sixth':36}")
        for name in watch.series():
            self.series[name] = watch.sixths(name)
            self.say(f"{name:24}" + "".join(f"{p['min']:g}/{p['median']:g}/{p['max']:g}".rjust(20)
                                            for p in self.series[name]))
        for daemon in daemons:
            self.say(f"{daemon.name} took {watch.cpu_share(daemon):.1f} % of a processor")

    def verdict(self, text, kept):
        self.verdicts.append({"verdict": text, "kept": kept})
        self.say(("ok      " if kept else "NOT OK  ") + text)

    def finish(self, totals):
        load = {"before": round(self.load_before, 2), "after": [round(n, 2) for n in os.getloadavg()]}
        self.say(f"load average of the machine: {load['before']} before, {load['after'][0]} after, {os.cpu_count()} processors")
        failed = sum(not v["kept"] for v in self.verdicts)
        if self.options.check:
            print(f"{len(self.verdicts) - failed} passed, {failed} failed")
            return
        os.makedirs(self.out, exist_ok=True)
        path = os.path.join(self.out, self.options.name)
        with open(path + ".json", "w", encoding="utf-8") as file:
            json.dump({"options": vars(self.options), "totals": totals, "sixths": self.series,
                       "verdicts": self.verdicts, "load_average": load}, file, indent=1)
            file.write("\n")
        with open(path + ".txt", "w", encoding="utf-8") as file:
            file.write("\n".join(self.lines) + "\n")
        print(f"written to {os.path.relpath(path, TOP)}.json and .txt")

    def status(self):
        return 0 if self.verdicts and all(v["kept"] for v in self.verdicts) else 1
