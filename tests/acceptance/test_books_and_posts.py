"""Audiobooks and social analytics as their users meet them: real schedulers at work, and killed half-way."""

from collections import Counter
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path

import pytest
from django.db.models import Count
from django.utils import timezone

from scheduling import store
from scheduling.models import OPEN, Execution, Job, State
from tasks.audiobooks.models import Book, Download, DownloadState, Edition, Part
from tasks.demo import books
from tasks.demo.archive import Archive
from tasks.demo.librivox import LibriVox
from tasks.demo.linkedin import LinkedIn
from tasks.demo.upstream import HOST, Clock, Upstream
from tasks.demo.x import X
from tasks.models import TaskRecord
from tasks.social.models import Account, Business, Platform, Post, Reading, Sync, SyncState
from tests.acceptance.rota import Rota

LONG = 90.0  # seconds; a machine that is busy with others
POSTS = 30


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def x(clock: Clock) -> X:
    service = X(clock, POSTS)
    service.has_flaws = False
    return service


@pytest.fixture
def linkedin(clock: Clock) -> LinkedIn:
    service = LinkedIn(clock, POSTS)
    service.has_flaws = False
    return service


@pytest.fixture
def services(clock: Clock, x: X, linkedin: LinkedIn) -> Iterator[Upstream]:
    with Upstream(x, linkedin, LibriVox(clock), Archive(bytes_per_second=100_000)) as upstream:
        yield upstream


@pytest.fixture
def at_work(rota: Rota, services: Upstream) -> Rota:
    """An installation whose settings lead to the services."""
    rota.environment |= {
        **{"CONTACT": "ops@example.org", "LIBRIVOX_URL": f"{services.url}/librivox"},
        **{"ARCHIVE_URL": f"{services.url}/archive", "ARCHIVE_HOSTS": HOST, "AUDIOBOOKS_RATE": "100000"},
        **{"LIBRARY_DIR": rota.path("library"), "LIBRARY_FREE": "0"},
        **{"X_URL": f"{services.url}/x/2", "X_CLIENT_ID": "demo", "X_CLIENT_SECRET": "demo"},
        **{"LINKEDIN_URL": f"{services.url}/linkedin/rest", "LINKEDIN_CLIENT_ID": "demo"},
        **{"LINKEDIN_AUTH_URL": f"{services.url}/linkedin/oauth/v2", "LINKEDIN_CLIENT_SECRET": "demo"},
    }
    assert rota.run("syncjobs") == 0
    for job in Job.objects.filter(paused_at=None):
        store.pause(job, by="test", now=timezone.now())
    return rota


def run_now(job: str) -> None:
    store.enqueue(Job.objects.get(pk=job), now=timezone.now(), by="test")


def rest() -> bool:
    """Whether nothing waits or goes on."""
    return not Execution.objects.filter(state__in=OPEN).exists()


def test_a_download_that_is_killed_goes_on_where_it_was(at_work: Rota, services: Upstream) -> None:
    work = next(work for work in books.ALL_WORKS if work.recordings and work.recordings[0].parts >= 4)
    book = Book.objects.create(title=work.title)
    edition = Edition.objects.create(
        book=book, source_id="1", title=work.title, archive_id=work.recordings[0].archive_id, seen_at=timezone.now()
    )
    Download.objects.create(edition=edition, why="Asked for", queued_at=timezone.now())
    run_now("download_audiobooks")
    first = at_work.start()
    at_work.until(lambda: Part.objects.filter(is_whole=True).count() >= 2, LONG)
    first.kill()
    first.wait()
    whole = Part.objects.filter(is_whole=True).count()
    assert Download.objects.get().state == DownloadState.RUNNING
    assert not [each for each in Path(at_work.path("library")).rglob("*.mp3") if ".incoming" not in each.parts]
    before = len(services.requests)
    at_work.start()
    at_work.until(rest, LONG)

    download = Download.objects.get()
    assert (download.state, download.error) == (DownloadState.DONE, "")
    files = sorted((Path(at_work.path("library")) / download.folder).iterdir())
    parts = list(download.parts.all())
    assert [md5(file.read_bytes()).hexdigest() for file in files] == [part.md5 for part in parts]  # noqa: S324
    again = [request for request in services.requests[before:] if "/download/" in request.path]
    assert len({request.path for request in again}) == len(parts) - whole  # what was whole was not asked for
    assert Execution.objects.filter(job="download_audiobooks").latest("id").state == State.SUCCEEDED


def test_a_sync_that_is_killed_goes_on_and_reads_each_post_once(
    at_work: Rota, services: Upstream, x: X, linkedin: LinkedIn
) -> None:
    for number in range(1, 4):
        business = Business.objects.create(name=f"Business {number}")
        for platform, service in ((Platform.X, x), (Platform.LINKEDIN, linkedin)):
            external = f"urn:li:organization:{number}" if platform == Platform.LINKEDIN else str(number)
            token = service.grants.access()
            Account.objects.create(business=business, platform=platform, external_id=external, access_token=token)
    services.slow("/x/2/tweets?", 0.4, times=1000)
    run_now("sync_all_businesses")
    first = at_work.start()
    at_work.until(lambda: Reading.objects.count() > POSTS, LONG)
    first.kill()
    first.wait()
    assert Reading.objects.count() < 6 * POSTS
    at_work.start()
    at_work.until(rest, LONG)

    run = Execution.objects.filter(job="sync_all_businesses").latest("id")
    assert run.state == State.SUCCEEDED
    assert run.result is not None
    assert (run.result["synced"], run.result["failures"]) == (6 * POSTS, 0)
    assert set(Sync.objects.values_list("state", "posts_synced")) == {(SyncState.DONE, 2 * POSTS)}
    assert set(Post.objects.annotate(times=Count("readings")).values_list("times", flat=True)) == {1}
    read = Counter(request.target for request in services.requests if request.path == "/x/2/tweets")
    assert sum(times - 1 for times in read.values()) <= 1  # the account at which it was killed
    told = TaskRecord.objects.filter(task_name="tasks.social.tasks.sync_all_businesses_job", label="").latest("id")
    assert f"{6 * POSTS}/{6 * POSTS} posts synced, 0 failures in " in told.log_output
    secrets = [str(account.access_token) for account in Account.objects.all()]
    assert not [secret for secret in secrets if secret in at_work.log.read_text()]
