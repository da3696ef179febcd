import sys

import superstaq_jobs as sj

with sj.SuperstaqClient() as client:
    snapshot = sj.fetch_job(client, sys.argv[1])
print(snapshot)
if snapshot.is_terminal:
    print(snapshot.counts(0).most_common(3))
