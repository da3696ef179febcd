import superstaq_jobs as sj
from qiskit import QuantumCircuit

flip = QuantumCircuit(2, 2)
flip.x(0)
flip.measure([0, 1], [0, 1])
with sj.SuperstaqClient() as client:
    job = sj.new_job(flip, target="ibmq_fez_qpu", shots=1000, dry_run=True)
    snapshot = sj.JobHandle.submit(client, job).wait_until_complete(timeout_seconds=600)
(compiled,) = sj.interop.qiskit.compiled_circuits(snapshot)
print(sj.interop.qiskit.to_result(snapshot).get_counts(), compiled, sep="\n")
