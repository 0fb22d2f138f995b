"""Tasks of the guides that no workload has, or that leave a mark here in place of what they do there."""

from django.tasks import task

from tests.workload.tasks import mark


@task
def mam_scraping_task(path: str = "") -> None:
    if path:
        mark(path, "mam_scraping_task")


@task
def hourly_trends_job() -> None: ...
