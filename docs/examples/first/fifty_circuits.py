import cirq
import numpy as np
import superstaq_jobs as sj
import sympy

angles = np.linspace(0, 2 * np.pi, 50)
turned = cirq.Circuit(cirq.rx(sympy.Symbol("angle"))(cirq.q(0)), cirq.measure(cirq.q(0)))
circuits = [cirq.resolve_parameters(turned, {"angle": angle}) for angle in angles]
with sj.SuperstaqClient() as client:
    job = sj.new_job(circuits, target="ss_unconstrained_simulator", shots=1000)
    snapshot = sj.JobHandle.submit(client, job).wait_until_complete(timeout_seconds=600)
print(sj.tables.to_pandas([snapshot]).assign(angle=lambda table: angles[table["circuit"]]))
