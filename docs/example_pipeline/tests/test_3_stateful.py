"""The pipeline over weeks: circuits fail, answers are lost, and somebody pulls the plug."""

import contextlib
import tempfile
from pathlib import Path

from calibration.pipeline import Pipeline
from calibration.readout import SHOTS
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from service import Service

from superstaq_jobs import SuperstaqClient, SuperstaqServerException
from superstaq_jobs.testing import FakeClock, ScriptedTransport
from superstaq_jobs.testing.strategies import fault_scripts, job_histories

QUBITS = (4, 7)
LIVES = job_histories(job_type="submit", num_circuits=len(QUBITS), shots=SHOTS, num_bits=1)
TROUBLE = fault_scripts(transient=True, max_faults=1)


class Weeks(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.service = Service()
        self.clock = FakeClock()
        self.network = ScriptedTransport.from_function(self.service.answer, clock=self.clock)
        self.plug_is_pulled()

    @rule()
    def plug_is_pulled(self):
        """What is not in the pipeline's file is forgotten."""
        client = SuperstaqClient(
            "a-key", "https://superstaq.example.com", transport=self.network, clock=self.clock
        )
        self.pipeline = Pipeline(client, Path(self.folder.name) / "state.json", QUBITS)

    @rule(life=LIVES, trouble=TROUBLE)
    def begin(self, life, trouble):
        self.service.next_life = life
        self.network.fail(*trouble)
        with contextlib.suppress(SuperstaqServerException):
            self.pipeline.begin()

    @rule(trouble=TROUBLE)
    def look(self, trouble):
        self.network.fail(*trouble)
        with contextlib.suppress(SuperstaqServerException):
            self.pipeline.look()

    @rule()
    def time_passes(self):
        self.service.pass_time()

    @invariant()
    def one_calibration_runs_at_a_time(self):
        running = [life for life in self.service.lives if not life[0].is_terminal]
        assert len(running) <= 1

    @invariant()
    def each_error_was_measured_on_its_own_qubit(self):
        for qubit, error in self.pipeline.errors.items():
            circuits = [life[-1].circuits[QUBITS.index(qubit)] for life in self.service.lives]
            assert error in [c.counts.get("0", 0) / SHOTS for c in circuits if c.counts]

    def teardown(self):
        self.folder.cleanup()


TestWeeks = Weeks.TestCase
TestWeeks.settings = settings(max_examples=100, stateful_step_count=15, deadline=None)
