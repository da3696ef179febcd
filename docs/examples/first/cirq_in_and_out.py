import cirq
import superstaq_jobs as sj

a, b = cirq.LineQubit.range(2)
bell = cirq.Circuit(cirq.H(a), cirq.CNOT(a, b), cirq.measure(a, b, key="m"))
with sj.SuperstaqClient() as client:
    job = sj.new_job(bell, target="ibmq_fez_qpu", shots=1000, dry_run=True)
    snapshot = sj.JobHandle.submit(client, job).wait_until_complete(timeout_seconds=600)
(result,) = sj.interop.cirq.to_results(snapshot)
(compiled,) = sj.interop.cirq.compiled_circuits(snapshot)
print(result.histogram(key="m"), compiled, sep="\n")
