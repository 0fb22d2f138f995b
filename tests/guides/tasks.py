"""The guides' tasks, which do nothing, or leave a mark."""

from typing import Any

from django.tasks import task

from tests.workload.tasks import mark


@task
def mam_scraping_task(path: str = "") -> None:
    if path:
        mark(path, "mam_scraping_task")


@task
def top10_discovery_task() -> None: ...


@task
def metadata_full_refresh_task() -> None: ...


@task
def metadata_new_books_task() -> None: ...


@task
def series_completion_task() -> None: ...


@task
def author_completion_task() -> None: ...


@task
def cleanup_old_tasks() -> None: ...


@task
def sync_all_businesses_job() -> None: ...


@task
def sync_business_job(business_id: Any) -> None: ...


@task
def hourly_trends_job() -> None: ...
