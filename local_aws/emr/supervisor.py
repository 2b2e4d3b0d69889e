"""The state machine of one cluster: bootstrap actions, steps, idle timeout, termination."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from local_aws.cluster.model import (
    ENDED,
    STEP_ACTIVE,
    Cluster,
    ClusterState,
    Ending,
    Failure,
    Instance,
    Loss,
    Step,
    StepState,
)
from local_aws.node.bootstrap_actions import BootstrapError, Bootstrapper
from local_aws.node.command import RunningCommands
from local_aws.node.folder import Node
from local_aws.node.step_runner import StepRunner
from local_aws.processes.cluster import kill_cluster_processes
from local_aws.yarn.cluster import YarnCluster, YarnError

log = logging.getLogger(__name__)

#: Shortest time in STARTING and in TERMINATING, s: a client that polls sees these states, as on EMR.
VISIBLE_S = 0.2


class Supervisor:
    """A thread that runs one cluster. Operations of the API change the cluster under the lock and `wake` the thread.

    Parameters
    ----------
    cluster : Cluster
        The cluster.
    node : Node
        Its folders on this machine.
    bootstrapper, runner : Bootstrapper, StepRunner
        What runs its bootstrap actions and its steps.
    yarn : YarnCluster, optional
        Its YARN; None for a cluster whose steps run Spark in one process.
    lock : RLock
        Is held while the cluster is read or changed.
    save : callable
        Writes a changed cluster to disk.
    """

    def __init__(
        self,
        cluster: Cluster,
        node: Node,
        bootstrapper: Bootstrapper,
        runner: StepRunner,
        *,
        yarn: YarnCluster | None,
        lock: threading.RLock,
        save: Callable[[Cluster], None],
    ) -> None:
        self._cluster = cluster
        self._node = node
        self._bootstrapper = bootstrapper
        self._runner = runner
        self._yarn = yarn
        self._lock = lock
        self._save = save
        self._woken = threading.Event()
        self._commands = RunningCommands()
        self._threads: list[threading.Thread] = []
        self._abandoned = False
        self._thread = threading.Thread(target=self._run, name=cluster.id, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait for the end of the thread and of the threads of its steps, each at most `timeout_s` seconds."""
        for thread in (self._thread, *self._threads):
            thread.join(timeout_s)

    # ---- called from other threads ----

    def wake(self) -> None:
        """Make the thread read the state of the cluster."""
        self._woken.set()

    def cancel_step(self, step_id: str, at_once: bool) -> None:
        """End the processes of a running step. The thread of the step records the result."""
        self._commands.cancel(step_id, at_once)

    def end_commands(self) -> None:
        """End all commands of the cluster, by SIGTERM first."""
        self._commands.end_all(at_once=False)

    def abandon(self) -> None:
        """End the processes and keep the record of the cluster, because the server stops."""
        self._abandoned = True
        self._commands.end_all(at_once=True)
        self.wake()

    def lose(self, instance: Instance) -> None:
        """Record the loss of an instance. Without the primary or without any core instance the cluster ends."""
        cluster = self._cluster
        with self._lock:
            if instance.loss is None:
                instance.loss = Loss("INSTANCE_FAILURE", "Instance was terminated.")
                log.info("%s: instance %s is lost", cluster.id, instance.ec2_id)
            self._save(cluster)
        if self._yarn is not None:
            self._yarn.lose(instance)
        if instance is cluster.primary_instance:
            self._fail("INSTANCE_FAILURE", f"The master node was terminated ({instance.ec2_id})")
        elif not any(group.running for group in cluster.workers if group.role == "CORE"):
            self._fail("INSTANCE_FAILURE", "All slaves in the job flow were terminated")

    # ---- the thread ----

    def _run(self) -> None:
        """Run the cluster from STARTING (after a restart of the server, from WAITING) to its end."""
        try:
            self._run_until_ending()
        except Exception as error:
            log.exception("%s: supervisor failed", self._cluster.id)
            self._fail("INTERNAL_ERROR", f"local_aws failed: {error!r}")
        if self._abandoned:
            self._end_yarn()
        else:
            self._terminate()

    def _run_until_ending(self) -> None:
        self._node.prepare()
        if self._cluster.state in (ClusterState.STARTING, ClusterState.BOOTSTRAPPING) and not self._ends():
            self._woken.wait(VISIBLE_S)
            self._enter(ClusterState.BOOTSTRAPPING)
            self._bootstrap(self._bootstrapper)
        elif self._yarn is not None:
            self._bootstrap(None)
        while not self._ends():
            with self._lock:
                self._woken.clear()
                self._start_steps()
                self._update_state()
                timeout = self._seconds_to_idle_end()
            if not self._ends():
                self._woken.wait(timeout)

    def _ends(self) -> bool:
        return self._abandoned or self._cluster.ending is not None

    def _request_end(self, ending: Ending) -> None:
        with self._lock:
            if self._cluster.ending is None:
                self._cluster.ending = ending
                self._save(self._cluster)

    def _fail(self, code: str, message: str) -> None:
        if self._abandoned:  # the stop of the server ended the processes, not the cluster
            return
        self._request_end(Ending(code, message, ClusterState.TERMINATED_WITH_ERRORS))
        self.wake()

    def _bootstrap(self, bootstrapper: Bootstrapper | None) -> None:
        """Start YARN, run the bootstrap actions at the same time, and wait for both."""
        try:
            if self._yarn is not None:
                self._yarn.start()
            if bootstrapper is not None:
                bootstrapper.run(self._commands)
            if self._yarn is not None:
                self._lose_failed()
                self._yarn.wait_ready(self._ends)
        except (BootstrapError, YarnError) as error:
            self._fail("BOOTSTRAP_FAILURE", str(error))

    def _lose_failed(self) -> None:
        """End the daemons of the workers whose bootstrap actions failed."""
        for instance in [one for group in self._cluster.workers for one in group.instances if one.loss]:
            self.lose(instance)

    def _end_yarn(self) -> None:
        if self._yarn is not None:
            self._yarn.stop()

    # ---- steps; the lock is held where a method reads or changes the cluster ----

    def _start_steps(self) -> None:
        cluster = self._cluster
        if cluster.ready is None:
            cluster.ready = time.time()
        free = cluster.step_concurrency - len(cluster.steps_in(*STEP_ACTIVE))
        for step in cluster.steps_in(StepState.PENDING)[: max(0, free)]:
            step.state, step.started = StepState.RUNNING, time.time()
            self._save(cluster)
            thread = threading.Thread(target=self._run_step, args=(step,), name=step.id, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _update_state(self) -> None:
        """Set RUNNING or WAITING, or request the end: without keep-alive, or after the idle timeout."""
        cluster = self._cluster
        if cluster.steps_in(StepState.PENDING, *STEP_ACTIVE):
            cluster.idle_since = None
            self._enter(ClusterState.RUNNING)
            return
        if cluster.idle_since is None:
            cluster.idle_since = time.time()
        if not cluster.keep_alive:
            failed = any(step.state is StepState.FAILED for step in cluster.steps)
            self._request_end(
                Ending("ALL_STEPS_COMPLETED", "Steps completed with errors" if failed else "Steps completed")
            )
        elif (left := self._seconds_to_idle_end()) is not None and left <= 0:
            self._request_end(
                Ending(
                    "USER_REQUEST",
                    f"Auto-terminated: the cluster was idle for {cluster.idle_timeout} seconds",
                )
            )
        else:
            self._enter(ClusterState.WAITING)

    def _seconds_to_idle_end(self) -> float | None:
        cluster = self._cluster
        if cluster.idle_since is None or cluster.idle_timeout is None or cluster.termination_protected:
            return None
        return max(0.0, cluster.idle_since + cluster.idle_timeout - time.time())

    def _run_step(self, step: Step) -> None:
        failure = self._runner.run(step, self._commands)
        with self._lock:
            self._record(step, failure)
            self._save(self._cluster)

    def _record(self, step: Step, failure: Failure | None) -> None:
        """Record the end of a step, and act on its failure."""
        cluster = self._cluster
        if self._abandoned and cluster.ending is None:
            return
        step.ended = time.time()
        if cluster.ending is not None and failure is not None:
            step.state, step.message = StepState.INTERRUPTED, "The cluster was terminated"
        elif step.state is StepState.CANCEL_PENDING and failure is not None:
            step.state, step.message = StepState.CANCELLED, "Cancelled by user"
        elif failure is None:
            step.state = StepState.COMPLETED
        else:
            step.state, step.failure = StepState.FAILED, failure
            self._act_on_failure(step)

    def _act_on_failure(self, step: Step) -> None:
        terminates = step.action_on_failure in ("TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW")
        if terminates and not self._cluster.termination_protected:
            self._request_end(Ending("STEP_FAILURE", "Shut down as step failed", ClusterState.TERMINATED_WITH_ERRORS))
        elif terminates or step.action_on_failure == "CANCEL_AND_WAIT":
            for pending in self._cluster.steps_in(StepState.PENDING):
                self._cancel_pending(pending, f"Cancelled as step {step.id} failed")

    def _cancel_pending(self, step: Step, message: str) -> None:
        step.state, step.message, step.ended = StepState.CANCELLED, message, time.time()

    # ---- the end ----

    def _terminate(self) -> None:
        cluster = self._cluster
        ending = cluster.ending or Ending(
            "INTERNAL_ERROR", "no reason was recorded", ClusterState.TERMINATED_WITH_ERRORS
        )
        with self._lock:
            cluster.idle_since = None
            cluster.reason_code, cluster.reason_message = ending.code, ending.message
            self._enter(ClusterState.TERMINATING)
            for step in cluster.steps_in(StepState.PENDING):
                self._cancel_pending(step, "The cluster was terminated")
        self.end_commands()
        for thread in self._threads:
            thread.join()
        self._end_yarn()
        if left := kill_cluster_processes(cluster.id):
            log.warning("%s: killed processes %s that were left running", cluster.id, left)
        self._node.discard()
        time.sleep(VISIBLE_S)
        with self._lock:
            cluster.ended = time.time()
            self._enter(ending.state)

    def _enter(self, state: ClusterState) -> None:
        with self._lock:
            if self._cluster.state is not state and self._cluster.state not in ENDED:
                reason = self._cluster.reason_message or ""
                log.info("%s: %s -> %s %s", self._cluster.id, self._cluster.state, state, reason)
                self._cluster.state = state
                self._save(self._cluster)
