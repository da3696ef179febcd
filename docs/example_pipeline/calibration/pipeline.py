"""Submits a calibration, polls it, and stores the results in a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from superstaq_jobs import SuperstaqClient, fetch_job, submit_job

from .readout import calibration_job, readout_errors


class Pipeline:
    """The calibration of some qubits.

    It may be stopped at any moment: its whole state is in the file. One calibration runs at a time.
    """

    def __init__(self, client: SuperstaqClient, file: Path, qubits: Sequence[int]) -> None:
        self.client = client
        self.file = file
        self.qubits = tuple(qubits)

    @property
    def errors(self) -> dict[int, float]:
        """The latest readout error of each qubit that was ever measured."""
        return {int(qubit): error for qubit, error in self._read()["errors"].items()}

    @property
    def is_running(self) -> bool:
        """Whether a calibration was submitted and has not been seen to finish."""
        return self._read()["job_id"] is not None

    def begin(self) -> None:
        """Submit a calibration, unless one is running."""
        state = self._read()
        if state["job_id"] is None:
            # With a key it is submitted once, even if we are stopped before we store its id.
            receipt = submit_job(
                self.client,
                calibration_job(self.qubits),
                submission_key=f"calibration-{state['run']}",
            )
            self._write({**state, "job_id": str(receipt.job_id)})

    def poll(self) -> None:
        """Store the errors if the calibration is finished. A failed circuit changes nothing."""
        state = self._read()
        if state["job_id"] is None:
            return
        snapshot = fetch_job(self.client, state["job_id"])
        if snapshot.is_terminal:
            found = readout_errors(snapshot, self.qubits)
            errors = {**state["errors"], **{str(qubit): error for qubit, error in found.items()}}
            self._write({"job_id": None, "run": state["run"] + 1, "errors": errors})

    def _read(self) -> dict[str, Any]:
        if not self.file.exists():
            return {"job_id": None, "run": 0, "errors": {}}
        state: dict[str, Any] = json.loads(self.file.read_text())
        return state

    def _write(self, state: dict[str, Any]) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(state))
        new.replace(self.file)
