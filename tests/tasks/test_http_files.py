"""Large files through the HTTP client: piece by piece, from the hosts that are named, and from nowhere else."""

from collections.abc import Iterator

import pytest

from tasks.demo.upstream import Reply, Request, Upstream
from tasks.exceptions import UpstreamError
from tasks.http import Client, Deadline, Rate

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite_only]


class Files:
    """Sends a large file from another address than it is asked for at."""

    def __init__(self) -> None:
        self.leads_to = "/node/file"

    def answers(self, path: str) -> bool:
        return True

    def reply(self, request: Request) -> Reply:
        if request.path == "/node/file":
            start = int(request.headers.get("range", "bytes=0-")[6:].rstrip("-"))
            return Reply(206 if start else 200, {}, (b"0123456789" * 1000)[start:])
        return Reply(302, {"Location": self.leads_to})


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def store_of_files(files: Files) -> Iterator[Upstream]:
    with Upstream(files) as upstream:
        yield upstream


@pytest.fixture
def to_files(store_of_files: Upstream) -> Iterator[Client]:
    client = Client("Files", store_of_files.url, deadline=Deadline(20), headers={}, rate=Rate(1000, 1000))
    yield client
    client.close()


def test_a_large_file_comes_in_pieces_from_where_it_is(to_files: Client) -> None:
    with to_files.stream("/download/file", hosts=["127.0.0.1"], headers={"Range": "bytes=9000-"}) as stream:
        assert (stream.status, len(b"".join(stream.pieces))) == (206, 1000)


@pytest.mark.parametrize(
    ("leads_to", "told"),
    [
        ("http://other.example/file", "other.example, which is not followed"),
        ("http://example.127.0.0.1.example/file", "not followed"),
        ("file:///etc/passwd", "not followed"),
        ("/download/again", "redirects elsewhere"),
        ("http://127.0.0.1:x/", "cannot be reached"),
    ],
)
def test_a_large_file_is_not_fetched_from_anywhere_else(
    to_files: Client, files: Files, leads_to: str, told: str
) -> None:
    files.leads_to = leads_to
    with (
        pytest.raises(UpstreamError, match=told),
        to_files.stream("/download/file", hosts=["127.0.0.1", ".archive.test"]),
    ):
        pass


def test_a_large_file_that_is_refused_says_so(to_files: Client, store_of_files: Upstream) -> None:
    store_of_files.fail("/download/file", 404)
    with pytest.raises(UpstreamError) as caught, to_files.stream("/download/file", hosts=[]):
        pass
    assert caught.value.status == 404


def test_a_large_file_that_breaks_off_is_worth_another_try(to_files: Client, store_of_files: Upstream) -> None:
    store_of_files.truncate("/node/file", 100)
    with (
        pytest.raises(UpstreamError) as caught,
        to_files.stream("/download/file", hosts=["127.0.0.1"]) as stream,
    ):
        list(stream.pieces)
    assert caught.value.retryable
