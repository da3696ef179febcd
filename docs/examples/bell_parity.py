"""How good is a Bell pair? Measure its populations and the contrast of its parity oscillation.

If both qubits of (|00> + |11>)/sqrt(2) are turned by 90 degrees about an axis at the angle phi in
the equator of the Bloch sphere, the parity of the outcome oscillates as cos(2 phi). With the
contrast C of the oscillation, and the populations P00 and P11, the fidelity of the pair is
(P00 + P11 + C) / 2 (Sackett et al., Nature 404, 256, 2000).
"""

from __future__ import annotations

import cmath
import math

from matplotlib.figure import Figure

import superstaq_jobs as sj
from superstaq_jobs.emulator import Emulator

SHOTS = 1000
PHASES = [math.pi * k / 16 for k in range(16)]
BELL = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; '
TURN = "rz({phase}) q[0]; rz({phase}) q[1]; h q[0]; h q[1]; "
MEASURE = "c[0] = measure q[0]; c[1] = measure q[1];"


def measure() -> sj.JobSnapshot:
    """Run one job: the populations first, then one circuit for each phase."""
    circuits = [BELL + MEASURE, *(BELL + TURN.format(phase=p) + MEASURE for p in PHASES)]
    job = sj.NewJob(
        target="ss_unconstrained_simulator",
        circuits=circuits,
        shots=SHOTS,
        job_type="simulate",
        sim_method="noise-sim",
    )
    with Emulator() as server, sj.SuperstaqClient(server.api_key, server.url) as client:
        handle = sj.JobHandle.submit(client, job)
        return handle.wait_until_complete(timeout_seconds=60, polling_seconds=0.1)


def fit(parities: list[float]) -> tuple[float, float]:
    """The contrast C and the offset of C cos(2 phi + offset), by least squares."""
    pairs = zip(PHASES, parities, strict=True)
    amplitude = 2 / len(PHASES) * sum(p * cmath.exp(-2j * phase) for phase, p in pairs)
    return abs(amplitude), cmath.phase(amplitude)


def draw(populations: sj.Counts, parities: list[float]) -> Figure:
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[2, 3])
    sj.plot_counts(populations, ax=left)
    left.set_title("populations")
    errors = [math.sqrt(max(0.0, 1 - p * p) / SHOTS) for p in parities]
    right.errorbar(PHASES, parities, errors, fmt="o", markersize=4, capsize=2, label="measured")
    contrast, offset = fit(parities)
    fine = [math.pi * k / 200 for k in range(201)]
    curve = [contrast * math.cos(2 * phase + offset) for phase in fine]
    right.plot(fine, curve, label=f"fit: contrast {contrast:.3f}")
    right.set_xlabel("phase (radians)")
    right.set_ylabel("parity")
    right.set_title("parity oscillation")
    right.legend(frameon=False)
    return figure


def main() -> Figure:
    snapshot = measure()
    populations, *turned = snapshot.counts()
    parities = [counts.parity_expectation() for counts in turned]
    shares = populations.probabilities()
    contrast, _ = fit(parities)
    fidelity = (shares.get("00", 0) + shares.get("11", 0) + contrast) / 2
    print(f"contrast {contrast:.3f}, fidelity {fidelity:.3f}")
    return draw(populations, parities)


if __name__ == "__main__":
    main().savefig("bell_parity.svg")
