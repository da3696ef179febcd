import superstaq_jobs as sj
from qiskit import QuantumCircuit

bell = QuantumCircuit(2, name="Bell pair")
bell.h(0)
bell.cx(0, 1)
bell.measure_all()
with sj.SuperstaqClient() as client:
    job = sj.new_job(bell, target="ss_unconstrained_simulator", shots=1000)
    snapshot = sj.JobHandle.submit(client, job).wait_until_complete(timeout_seconds=600)
print(snapshot)
sj.plot_counts(snapshot.counts(0)).figure.savefig("bell.png")
