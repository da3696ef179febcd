"""Going on after a crash: handles of the jobs in an archive that are not finished."""

from __future__ import annotations

from uuid import UUID

from superstaq_jobs.archive import SnapshotArchive
from superstaq_jobs.client import SuperstaqClient
from superstaq_jobs.errors import InvalidValue
from superstaq_jobs.handle import JobHandle
from superstaq_jobs.records import fields

__all__ = ["resume"]


def resume(client: SuperstaqClient, archive: SnapshotArchive) -> tuple[JobHandle, ...]:
    """Handles of the jobs in an archive that are not known to be finished. Nothing is sent.

    Jobs that were submitted and never observed are among them. Wait for them with ``wait_all``.

    Args:
        client: The client. Jobs of the other version of the API are left out.
        archive: The archive, most often the client's own ``recorder``.

    Returns:
        The handles, each with the newest snapshot in the archive as its ``latest``.

    Raises:
        InvalidValue: If ``archive`` is not an archive.
        ArchiveError: If it cannot be read.
    """
    fields.refuse("a study", {"archive": fields.instance(archive, SnapshotArchive)}, InvalidValue)
    handles = []
    for job in archive.unfinished():
        if isinstance(job.job_id, UUID) is not client.api.converts_circuits:
            continue
        if job.latest is not None:
            handles.append(JobHandle.from_snapshot(client, job.latest))
        else:
            kind = job.circuit_type if client.api.converts_circuits else None
            handles.append(JobHandle(client, job.job_id, circuit_type=kind))
    return tuple(handles)
