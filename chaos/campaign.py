"""Runs scenarios one after the other and judges each by the same invariants."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from chaos import recovery, rules
from chaos.harness.airflow import wait_for
from chaos.harness.bucket import Bucket
from chaos.harness.judge import Judge, Verdict
from chaos.harness.stack import IDLE_TIMEOUT_S, ChaosStack
from chaos.harness.trial import MomentError, Trial
from chaos.rules import Seen
from chaos.scenario import JANITOR, Row, Scenario
from verger_contract.keys import Run

BOUND_S = IDLE_TIMEOUT_S + 60.0
"""Seconds after the end of the run within which no cluster may be active. EMR ends an idle cluster after
IDLE_TIMEOUT_S; with the default of `VERGER_IDLE_TIMEOUT` the bound is that much longer."""
WATCHED_S = 1.0
HARNESS_ERRORS = (OSError, KeyError, RuntimeError)
"""Errors that say that the stack did not answer as expected. They become the verdict; the campaign goes on."""


class Campaign:
    """Scenarios on one stack and one bucket."""

    def __init__(self, stack: ChaosStack) -> None:
        self.stack, self.bucket = stack, Bucket(stack.aws)
        self.judge = Judge(stack.aws, self.bucket)

    def run(self, scenarios: Iterable[Scenario], show: Callable[[Row], None]) -> list[Row]:
        """Run all scenarios; `show` receives each row."""
        rows = []
        for scenario in scenarios:
            rows.append(self.play(scenario))
            show(rows[-1])
        return rows

    def play(self, scenario: Scenario) -> Row:
        """Run one scenario."""
        if scenario.published and not self.bucket.has_base:
            self.publish_base()
        self.bucket.restore(published=scenario.published)
        trial, started = Trial(scenario.name, self.stack, self.bucket), time.monotonic()
        row = Row(scenario.name, scenario.fault)
        try:
            row = self._play(scenario, trial, row)
            if not scenario.published and not self.bucket.has_base and not row.wrong:
                self.bucket.store()
        except (MomentError, *HARNESS_ERRORS) as error:
            row = replace(row, wrong=(*row.wrong, f"harness: {type(error).__name__}: {error}"))
        finally:
            trial.settle()
            if scenario.correct:
                scenario.correct(trial)
        return replace(row, seconds=time.monotonic() - started)

    def publish_base(self) -> None:
        """Publish the photos of the bucket without a fault. Raise RuntimeError when that fails."""
        self.bucket.restore(published=False)
        trial = Trial("base", self.stack, self.bucket)
        run = trial.new_run()
        if self.stack.airflow.wait(run, self.stack.run_s) != "success" or self.judge.verdict().damage:
            raise RuntimeError(f"the run without a fault did not publish: {self._seen(run).message}")
        self.bucket.store()

    def _play(self, scenario: Scenario, trial: Trial, row: Row) -> Row:
        row, seen, after = self.inject(scenario, trial, row)
        wrong = list(row.wrong)
        done = seen.state == "success" and not self.judge.lost(after) and not after.damage
        recovered = recovery.nothing() if done else recovery.recover(scenario, trial, seen.failed)
        final = self.judge.verdict()
        lost = self.judge.lost(final)
        wrong += recovered.wrong + rules.whole(final, lost)
        wrong += self._clusters(trial)[1]
        return replace(row, lost=len(lost), recovered_by=recovered.by, wrong=tuple(dict.fromkeys(wrong)))

    def inject(self, scenario: Scenario, trial: Trial, row: Row) -> tuple[Row, Seen, Verdict]:
        """Play a scenario up to the end of its run, without a recovery; return what is seen then."""
        before = self.judge.verdict()
        scenario.play(trial)
        state = self.stack.airflow.wait(trial.run, self.stack.run_s)
        if scenario.recovery == JANITOR:
            recovery.sweep(trial)
        clusters, wrong = self._clusters(trial)
        trial.stack.s3.clear()
        trial.stack.emr.clear()
        seen, after = self._seen(trial.run), self.judge.verdict()
        data, more = rules.data_changed(scenario, trial.run, before, after)
        wrong += more + rules.truth(scenario, seen, after.run == trial.run)
        page = f"page: {seen.page}" if seen.page else ""
        message = "; ".join(filter(None, [*trial.notes, page, seen.message]))
        return replace(row, run=state, message=message, clusters=clusters, data=data, wrong=tuple(wrong)), seen, after

    def _clusters(self, trial: Trial) -> tuple[str, list[str]]:
        """Wait for the end of the clusters; return the cell of the table and what is wrong."""
        started, first = time.monotonic(), trial.clusters()
        if not first:
            return "0", []
        ended = wait_for(lambda: not trial.clusters(), BOUND_S, WATCHED_S)
        seconds = time.monotonic() - started
        left = f"{len(first)} for {seconds:.0f} s"
        return (left, []) if ended else (f"{left}, active", [f"a cluster is active after {BOUND_S:.0f} s"])

    def _seen(self, run: str) -> Seen:
        airflow = self.stack.airflow
        seen = Seen(airflow.state(run), airflow.tasks(run), airflow.page(run), "")
        return replace(seen, message=self._message(run, seen))

    def _message(self, run: str, seen: Seen) -> str:
        """Return the message in failure.json, otherwise that in the log of the first failed task."""
        written = self.judge.json(Run("", run).failure).get("failure") or {}
        text = " ".join(str(written[name]) for name in ("task", "error", "message") if written.get(name))
        for task in seen.failed:
            text = text or f"{task}: {self.stack.airflow.message(run, task, seen.tasks[task]['try_number'])}"
        return " ".join(text.split())
