"""A service for the stateful test: its jobs live the lives that Hypothesis drew."""

import json
from urllib.parse import parse_qs, urlsplit

import attrs

from superstaq_jobs.testing import jobs_response, json_response


class Service:
    """Answers submissions, queries and fetches."""

    def __init__(self):
        self.lives = []  # of each job, what is still to be seen of it, now first
        self.next_life = None

    def pass_time(self):
        """Bring every job one step on."""
        self.lives = [life[1:] or life for life in self.lives]

    def answer(self, request):
        if request.method == "POST":
            return self.submit(json.loads(request.body))
        asked = parse_qs(urlsplit(request.path).query)
        return jobs_response(*(life[0] for life in self.lives if self.matches(life[0], asked)))

    def matches(self, job, asked):
        ids = asked.get("job_id", [str(job.job_id)])
        return str(job.job_id) in ids and set(asked.get("tags", [])) <= set(job.tags)

    def submit(self, new):
        job_id = f"00000000-0000-4000-8000-{len(self.lives):012}"
        self.lives.append(
            [
                attrs.evolve(snapshot, job_id=job_id, target=new["target"], tags=new["tags"])
                for snapshot in self.next_life
            ]
        )
        return json_response({"job_id": job_id, "num_circuits": self.next_life[0].num_circuits})
