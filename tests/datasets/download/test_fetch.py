"""Fetching one file from servers that fail in their several ways."""

import hashlib
import random

import pytest

from genrebench.datasets.download.fetch import ATTEMPTS, fetch
from genrebench.errors import DataError

CONTENT = random.Random(0).randbytes(8_000_000)
SHA1 = hashlib.sha1(CONTENT).hexdigest()


@pytest.fixture
def get(tmp_path):
    """Fetch into `tmp_path`; the pauses are noted instead of waited for."""
    pauses = []

    def call(url, sha1=SHA1, **options):
        return fetch(f"{url}a.zip", tmp_path / "a.zip", f"sha1:{sha1}", pause=pauses.append, timeout=(5.0, 0.3), **options)

    call.pauses = pauses
    call.file, call.part = tmp_path / "a.zip", tmp_path / "a.zip.part"
    return call


def test_a_good_server(serve, get):
    seen = []
    url, server = serve(CONTENT)
    assert get(url, progress=lambda *point: seen.append(point)) == len(CONTENT)
    assert get.file.read_bytes() == CONTENT
    assert not get.part.exists()
    assert server.requests == [None]
    assert seen[-1] == ("a.zip", len(CONTENT), len(CONTENT))


def test_a_server_that_dies_five_times(serve, get):
    url, server = serve(CONTENT, dies_after=[1_000_000, 1_500_000, 0, 2_000_000, 777_777])
    fetched = get(url)
    assert get.file.read_bytes() == CONTENT
    assert len(server.requests) == 6
    assert server.sent - len(CONTENT) < 0.01 * len(CONTENT)
    assert fetched - len(CONTENT) < 0.01 * len(CONTENT)


def test_a_server_that_ends_early_without_saying_how_much_there_is(serve, get):
    url, _ = serve(CONTENT, dies_after=[1_000_000], sends_length=False)
    with pytest.raises(DataError, match=f"SHA-1 is .*, expected {SHA1}.*run the command again"):
        get(url)
    assert get(url) == len(CONTENT)


def test_a_server_without_ranges_starts_over(serve, get):
    url, server = serve(CONTENT, ranges=False, dies_after=[3_000_000])
    assert get(url) == len(CONTENT) + 3_000_000
    assert get.file.read_bytes() == CONTENT
    assert server.requests == [None, "bytes=3000000-"]


def test_a_server_without_ranges_that_never_gets_through(serve, get):
    url, server = serve(CONTENT, ranges=False, dies_after=[1_000_000] * 50)
    with pytest.raises(DataError, match=f"{ATTEMPTS} times in a row; 1,000,000 bytes are kept"):
        get(url)
    assert len(server.requests) == ATTEMPTS + 1
    assert get.pauses == sorted(get.pauses)


def test_another_range_than_asked_for_is_not_glued_on(serve, get):
    url, _ = serve(CONTENT, dies_after=[3_000_000], wrong_range=True)
    get(url)
    assert get.file.read_bytes() == CONTENT


def test_wrong_bytes_are_removed(serve, get):
    url, _ = serve(CONTENT[:-1] + b"?")
    with pytest.raises(DataError, match=f"expected {SHA1}"):
        get(url)
    assert not get.file.exists()
    assert not get.part.exists()


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_server_in_trouble_is_asked_again(serve, get, status):
    url, _ = serve(CONTENT, statuses=[status] * 3)
    assert get(url) == len(CONTENT)
    assert get.pauses == [2, 4, 8]


def test_a_server_says_when_to_come_back(serve, get):
    url, _ = serve(CONTENT, statuses=[503, 503], retry_after="7")
    get(url)
    assert get.pauses == [7, 7]


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_ends_it_at_once(serve, get, status):
    url, server = serve(CONTENT, statuses=[status] * 3)
    with pytest.raises(DataError, match=f"HTTP status {status}.*--from"):
        get(url)
    assert len(server.requests) == 1


def test_endless_trouble_ends_it_too(serve, get):
    url, server = serve(CONTENT, statuses=[500] * 50)
    with pytest.raises(DataError, match=f"HTTP status 500, {ATTEMPTS} times in a row"):
        get(url)
    assert len(server.requests) == ATTEMPTS


def test_a_slow_server_is_waited_for_and_a_stalled_one_is_not(serve, get):
    url, _ = serve(CONTENT[:200_000], piece=20_000, pause=0.02)
    assert get(url, hashlib.sha1(CONTENT[:200_000]).hexdigest()) == 200_000
    get.file.unlink()
    url, server = serve(CONTENT, stalls=2)
    assert get(url) == len(CONTENT)
    assert server.requests == [None, "bytes=1000-", "bytes=2000-"]


def test_no_server_at_all(get):
    with pytest.raises(DataError, match=f"{ATTEMPTS} times in a row; 0 bytes are kept"):
        get("http://127.0.0.1:9/")


def test_the_next_process_goes_on(serve, get):
    get.part.write_bytes(CONTENT[:5_000_000])
    url, server = serve(CONTENT)
    assert get(url) == 3_000_000
    assert server.requests == ["bytes=5000000-"]
    assert get.file.read_bytes() == CONTENT


def test_what_is_complete_is_not_asked_for(serve, get):
    get.part.write_bytes(CONTENT)
    url, server = serve(CONTENT)
    assert get(url) == 0
    assert server.requests == []


def test_a_partial_file_that_is_too_long_starts_over(serve, get):
    get.part.write_bytes(CONTENT + b"more")
    url, _ = serve(CONTENT)
    assert get(url) == len(CONTENT)


def test_a_file_that_is_far_too_large_is_not_fetched(serve, get):
    url, server = serve(CONTENT)
    with pytest.raises(DataError, match=r"has 8,000,000 bytes, expected at most 1,000,000"):
        get(url, limit=1_000_000)
    url, server = serve(CONTENT, sends_length=False)
    with pytest.raises(DataError, match="sends more than the expected 1,000,000 bytes"):
        get(url, limit=1_000_000)
    assert server.sent < len(CONTENT) + 1
    assert get.part.stat().st_size == 0


def test_an_interruption_keeps_what_has_arrived(serve, get):
    def interrupt(_what, done, _total):
        if done > 2_000_000:
            raise KeyboardInterrupt

    url, _ = serve(CONTENT, pause=0.005)
    with pytest.raises(KeyboardInterrupt):
        get(url, progress=interrupt)
    kept = get.part.stat().st_size
    assert kept > 2_000_000
    assert get.part.read_bytes() == CONTENT[:kept]
    assert get(url) == len(CONTENT) - kept
