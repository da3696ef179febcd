"""The pipeline over weeks: circuits fail, responses are lost, and the process is killed."""

import contextlib
import tempfile
from pathlib import Path

from calibration.pipeline import Pipeline
from calibration.readout import SHOTS
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from service import Service

from superstaq_jobs import SuperstaqClient, SuperstaqServerException, SuperstaqWarning
from superstaq_jobs.testing import FakeClock, ScriptedTransport
from superstaq_jobs.testing.strategies import fault_scripts, job_histories

QUBITS = (4, 7)
HISTORIES = job_histories(job_type="submit", num_circuits=len(QUBITS), shots=SHOTS, num_bits=1)
FAULTS = fault_scripts(transient=True, max_faults=1)


class Weeks(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.service = Service()
        self.clock = FakeClock()
        self.network = ScriptedTransport.from_function(self.service.respond, clock=self.clock)
        self.restart()

    @rule()
    def restart(self):
        """Whatever is not in the pipeline's file is lost."""
        client = SuperstaqClient(
            "a-key", "https://superstaq.example.com", transport=self.network, clock=self.clock
        )
        self.pipeline = Pipeline(client, Path(self.folder.name) / "state.json", QUBITS)

    @rule(history=HISTORIES, faults=FAULTS)
    def begin(self, history, faults):
        self.service.next_history = history
        self.network.fail(*faults)
        # The suite turns warnings into errors, such as that the key could not be checked.
        with contextlib.suppress(SuperstaqServerException, SuperstaqWarning):
            self.pipeline.begin()

    @rule(faults=FAULTS)
    def poll(self, faults):
        self.network.fail(*faults)
        with contextlib.suppress(SuperstaqServerException):
            self.pipeline.poll()

    @rule()
    def time_passes(self):
        self.service.pass_time()

    @invariant()
    def one_calibration_runs_at_a_time(self):
        running = [job for job, *_ in self.service.histories if not job.is_terminal]
        assert len(running) <= 1

    @invariant()
    def each_error_was_measured_on_its_own_qubit(self):
        for qubit, error in self.pipeline.errors.items():
            jobs = [history[-1] for history in self.service.histories]
            circuits = [job.circuits[QUBITS.index(qubit)] for job in jobs]
            assert error in [c.counts.get("0", 0) / SHOTS for c in circuits if c.counts]

    def teardown(self):
        self.folder.cleanup()


TestWeeks = Weeks.TestCase
TestWeeks.settings = settings(max_examples=100, stateful_step_count=15, deadline=None)
