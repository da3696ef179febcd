"""A service for the stateful test: its jobs follow the histories that Hypothesis drew."""

import json
from urllib.parse import parse_qs, urlsplit

import attrs

from superstaq_jobs.testing import jobs_response, json_response


class Service:
    """Responds to submissions, queries and fetches."""

    def __init__(self):
        self.histories = []  # for each job, its snapshots from now on
        self.next_history = None

    def pass_time(self):
        """Move every job one step forward."""
        self.histories = [history[1:] or history for history in self.histories]

    def respond(self, request):
        if request.method == "POST":
            return self.submit(json.loads(request.body))
        query = parse_qs(urlsplit(request.path).query)
        jobs = [history[0] for history in self.histories]
        return jobs_response(*(job for job in jobs if self.matches(job, query)))

    def matches(self, job, query):
        ids = query.get("job_id", [str(job.job_id)])
        return str(job.job_id) in ids and set(query.get("tags", [])) <= set(job.tags)

    def submit(self, new):
        job_id = f"00000000-0000-4000-8000-{len(self.histories):012}"
        self.histories.append(
            [
                attrs.evolve(snapshot, job_id=job_id, target=new["target"], tags=new["tags"])
                for snapshot in self.next_history
            ]
        )
        return json_response({"job_id": job_id, "num_circuits": self.next_history[0].num_circuits})
