"""Whoever stalls on either end is given up, and an old stream ends between two requests: the bounds, on real pipes."""

import json
import os
import threading
import time

import pytest

from enforcement.pep import stream as module
from enforcement.pep.stream import Stream


@pytest.fixture
def pipes():
    """Two pipes: what the portal writes into, and what it would read from."""
    source, write = os.pipe()
    read, sink = os.pipe()
    ends = {"source": source, "write": write, "read": read, "sink": sink}
    yield ends
    for handle in ends.values():
        os.close(handle)


def test_a_portal_that_says_nothing_is_given_up(pipes, monkeypatch):
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    began = time.monotonic()
    assert list(Stream(pipes["source"], pipes["sink"], ()).lines()) == []
    assert 0.2 < time.monotonic() - began < 2


def test_half_a_line_that_stalls_is_given_up(pipes, monkeypatch):
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    os.write(pipes["write"], b'{"verb": "apply", ')
    assert list(Stream(pipes["source"], pipes["sink"], ()).lines()) == []


def test_a_portal_that_does_not_read_its_answer_is_given_up(pipes, monkeypatch):
    monkeypatch.setattr(module, "WRITE_SECONDS", 0.2)
    stream = Stream(pipes["source"], pipes["sink"], ())
    os.write(pipes["write"], b"first\nsecond\n")
    heard = []
    for line in stream.lines():
        heard.append(line)
        stream.write({"much": "x" * 1_000_000})
    assert heard == [b"first"]


def test_a_portal_that_reads_slowly_gets_all_of_it(pipes):
    stream = Stream(pipes["source"], pipes["sink"], ())
    writing = threading.Thread(target=stream.write, args=({"much": "x" * 1_000_000},))
    writing.start()
    read = b""
    while not read.endswith(b"\n"):
        read += os.read(pipes["read"], 4096)
    writing.join()
    assert len(json.loads(read)["much"]) == 1_000_000


def test_an_old_stream_ends_but_not_between_a_greeting_and_its_document(pipes, monkeypatch):
    monkeypatch.setattr(module, "LIFE_SECONDS", 0.0)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.1)
    stream = Stream(pipes["source"], pipes["sink"], ())
    os.write(pipes["write"], b"hello\n")
    lines = stream.lines()
    assert next(lines) == b"hello"
    os.write(pipes["write"], b"apply\n")
    assert next(lines) == b"apply"
    assert list(lines) == []


def test_a_stream_that_never_pauses_ends_too(pipes, monkeypatch):
    monkeypatch.setattr(module, "LIFE_SECONDS", 0.0)
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.1)
    os.write(pipes["write"], b"one\n" * 100)
    heard = []
    for line in Stream(pipes["source"], pipes["sink"], ()).lines():
        heard.append(line)
        time.sleep(0.02)
    assert 1 <= len(heard) < 30


def test_a_reader_that_went_away_ends_the_stream(pipes):
    stream = Stream(pipes["source"], pipes["sink"], ())
    os.close(pipes["read"])
    pipes["read"] = os.dup(0)
    os.write(pipes["write"], b"one\ntwo\n")
    heard = []
    for line in stream.lines():
        heard.append(line)
        stream.write({})
    assert heard == [b"one"]
