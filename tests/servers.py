"""A server of API v0.2.0 in memory, for tests of the client: it keeps its circuits in a dict."""

from __future__ import annotations

import json
from typing import Any

from worlds import client_on

from superstaq_jobs import Request, Response, SuperstaqClient
from superstaq_jobs.testing import FakeClock, ScriptedTransport, json_response


class OldServer:
    """Circuits by id, as the server of v0.2.0 writes them; the test changes them.

    Attributes:
        circuits: The data of each circuit.
        bodies: The body of each request so far, with its path.
    """

    def __init__(self, **circuits: Any) -> None:
        self.circuits: dict[str, Any] = {
            name: circuit(data) if isinstance(data, str) else data
            for name, data in circuits.items()
        }
        self.bodies: list[tuple[str, Any]] = []
        self.transport = ScriptedTransport.from_function(self.respond)

    def client(self, clock: FakeClock | None = None, **options: Any) -> SuperstaqClient:
        return client_on(self.transport, clock=clock, api_version="v0.2.0", **options)

    def respond(self, request: Request) -> Response:
        path = request.path.removeprefix("/v0.2.0")
        data = None if request.body is None else json.loads(request.body)
        self.bodies.append((path, data))
        answer = getattr(self, path.strip("/"))(data)
        return answer if isinstance(answer, Response) else json_response(answer)

    def asked(self) -> list[list[str]]:
        """The ids of each request for circuits."""
        return [data["job_ids"] for path, data in self.bodies if path == "/fetch_jobs"]

    def jobs(self, data: Any) -> Any:
        name = next(name for name in data if name.endswith("_circuits"))
        sent = json.loads(data[name])
        ids = [f"new-{place}" for place in range(len(sent) if isinstance(sent, list) else 1)]
        self.circuits |= {each: circuit("Submitted", shots=data["shots"]) for each in ids}
        return {"job_ids": ids, "status": "ready"}

    def fetch_jobs(self, data: Any) -> Any:
        if unknown := [each for each in data["job_ids"] if each not in self.circuits]:
            return json_response({"message": f"unknown job {unknown[0]}"}, status=404)
        return {each: self.circuits[each] for each in data["job_ids"]}

    def cancel_jobs(self, data: Any) -> Any:
        done = [i for i in data["job_ids"] if self._status(i) in {"Submitted", "Queued"}]
        for each in done:
            self.circuits[each] = {"status": "Canceled"}
        late = [
            {"message": f"Job '{i}' cannot be cancelled"} for i in data["job_ids"] if i not in done
        ]
        return {"succeeded": done, **({"warnings": late} if late else {})}

    def _status(self, name: str) -> str | None:
        return self.circuits[name]["status"] if name in self.circuits else None

    def targets(self, data: Any) -> Any:
        flags = {"supports_submit": True, "available": True, "color": "blue"}
        return {"superstaq_targets": {"ibmq_fez_qpu": flags, "ss_unconstrained_simulator": data}}

    def target_info(self, data: Any) -> Any:
        return {"target_info": {"num_qubits": 156, "options": data["options"]}}

    def balance(self, _data: Any) -> Any:
        return {"balance": 12.5}


def circuit(status: str, **fields: Any) -> dict[str, Any]:
    """A circuit as the official service describes it; a finished one has counts."""
    return {
        "provider_id": "",
        "num_qubits": 2,
        "status": status,
        "target": "ss_unconstrained_simulator",
        "circuit_type": "cirq",
        "compiled_circuit": None,
        "input_circuit": '{"cirq_type": "Circuit", "moments": []}',
        "data": None,
        "samples": {"00": 4, "11": 6} if status == "Done" else None,
        "shots": 10,
        "state_vector": None,
        **fields,
    }
