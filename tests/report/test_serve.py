"""A report on the loopback address: whole files, ranges, and nothing else."""

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from genrebench.errors import UsageError
from genrebench.report.serve import serving

SOUND = bytes(range(256)) * 40


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("site")
    site = folder / "report"
    (site / "audio").mkdir(parents=True)
    (site / "index.html").write_text("start")
    (site / ".genrebench-report").write_text("")
    (site / "audio" / "a b.wav").write_bytes(SOUND)
    (folder / "secret.txt").write_text("secret")
    (site / "link.txt").symlink_to(folder / "secret.txt")
    with serving(site, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def get(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, content, response.headers


def test_files_and_the_start_page(port: int) -> None:
    assert get(port, "/")[:2] == (200, b"start")
    status, content, headers = get(port, "/audio/a%20b.wav?x=1")
    assert (status, content, headers["Accept-Ranges"]) == (200, SOUND, "bytes")
    status, content, headers = get(port, "/audio/a%20b.wav", "HEAD")
    assert (status, content, headers["Content-Length"]) == (200, b"", str(len(SOUND)))


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=100-", 100, 10239), ("bytes=-5", 10235, 10239), ("bytes=10230-99999", 10230, 10239)],
)
def test_ranges(asked: str, first: int, last: int, port: int) -> None:
    status, content, headers = get(port, "/audio/a%20b.wav", Range=asked)
    assert (status, content) == (206, SOUND[first : last + 1])
    assert headers["Content-Range"] == f"bytes {first}-{last}/{len(SOUND)}"


def test_a_range_beyond_the_end(port: int) -> None:
    status, _, headers = get(port, "/audio/a%20b.wav", Range="bytes=99999-")
    assert (status, headers["Content-Range"]) == (416, f"bytes */{len(SOUND)}")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/audio/../../secret.txt",
        "/..%2fsecret.txt",
        "//etc/passwd",
        "/link.txt",
        "/.genrebench-report",
        "/audio",
        "/audio/",
        "/%00",
        "/nothing.html",
    ],
)
def test_nothing_outside_the_report_and_no_hidden_file(path: str, port: int) -> None:
    status, content, _ = get(port, path)
    assert status == 404
    assert b"secret" not in content.replace(b"secret.txt", b"")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "localhost.evil.example:{port}", ""])
def test_a_name_that_was_made_to_mean_this_computer_is_refused(host: str, port: int) -> None:
    assert get(port, "/", Host=host.format(port=port))[0] == 403
    assert get(port, "/", Host=f"localhost:{port}")[0] == 200


def test_only_reading(port: int) -> None:
    assert get(port, "/", "POST")[0] == 501
    assert get(port, "/", "DELETE")[0] == 501


def test_a_port_that_is_taken(port: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"port {port} can't be used: .*; choose another"), serving(tmp_path, port):
        pass
