"""Results in a file: in order, whole or not at all, and never lost."""

import gc
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import tracemalloc
from collections import UserDict, deque
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profiles import scaled

from pflow_lower.runtime.batch.results_file import ResultsFile, ResultsFileError
from pflow_lower.runtime.batch.sources import open_source

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=[])).filter(
        lambda text: text == json.loads(json.dumps(text))
    ),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)

PATIENCE = 60
"""Seconds after which something that should happen counts as never happening."""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refusal(path: object) -> str:
    with pytest.raises(ResultsFileError) as raised:
        ResultsFile(path)
    return str(raised.value)


def read(path: str) -> list[Any]:
    return list(open_source("jsonl", path))


def python(program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=PATIENCE
    )


def mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


class TestLines:
    def test_a_line_is_an_object_for_each_item(self) -> None:
        results = ResultsFile("r.jsonl")
        results.put(0, {"result": "Zoë\n"})
        results.put(1, {"result": None, "error": "no", "type": "ValueError"})
        results.put(2, {"result": {"a": [1, 2.5, True]}, "index": 7})
        assert results.finish(3) == "r.jsonl"
        assert Path("r.jsonl").read_bytes().decode() == (
            '{"index":0,"result":"Zoë\\n"}\n'
            '{"index":1,"result":null,"error":"no","type":"ValueError"}\n'
            '{"index":2,"result":{"a":[1,2.5,true]}}\n'
        )

    @given(st.lists(JSON_VALUES))
    def test_what_is_written_can_be_read(self, values: list[Any]) -> None:
        with TemporaryDirectory() as folder:
            results = ResultsFile(f"{folder}/r.jsonl")
            for index, value in enumerate(values):
                results.put(index, {"result": value})
            found = read(results.finish(len(values)))
        expected = [{"index": index, "result": v} for index, v in enumerate(values)]
        assert repr(found) == repr(expected)

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (float("nan"), '"nan"'),
            ([float("-inf")], '["-inf"]'),
            (date(2020, 1, 2), '"2020-01-02"'),
            (b"a", "\"b'a'\""),
            ({1: 2, None: 3}, '{"1":2,"None":3}'),
            ({1: "a", "1": "b"}, '{"1":"b"}'),
            (UserDict(a=(1, deque([2]))), '{"a":[1,[2]]}'),
            ("\ud800", '"\\ud800"'),
            ("\\\udfff\u2028", '"\\\\\\udfff\u2028"'),
        ],
    )
    def test_what_json_cannot_hold_is_written_as_its_text(
        self, value: object, text: str
    ) -> None:
        results = ResultsFile("r.jsonl")
        results.put(0, {"result": value})
        line = Path(results.finish(1)).read_bytes().decode()
        assert line == f'{{"index":0,"result":{text}}}\n'
        assert len(read("r.jsonl")) == 1

    def test_what_contains_itself_is_written_as_its_text(self) -> None:
        value: list[Any] = []
        value.append(value)
        results = ResultsFile("r.jsonl")
        results.put(0, {"result": value})
        assert read(results.finish(1)) == [{"index": 0, "result": "[[...]]"}]

    def test_what_has_no_text_is_an_error_that_names_the_item(self) -> None:
        class Silent:
            def __str__(self) -> str:
                raise LookupError("no words")

        results = ResultsFile("r.jsonl")
        with pytest.raises(ResultsFileError) as raised:
            results.put(3, {"result": Silent()})
        message = "cannot write results to r.jsonl: item 3: no words"
        assert str(raised.value) == message
        with pytest.raises(ResultsFileError, match="item 3: Exceeds the limit"):
            results.put(3, {"result": 10**5000})
        results.put(3, {"result": "after all"})
        assert read(results.keep()) == [{"index": 3, "result": "after all"}]


class TestOrder:
    @given(st.integers(0, 30).flatmap(lambda n: st.permutations(range(n))))
    def test_any_order_of_puts_gives_the_same_file(self, order: list[int]) -> None:
        with TemporaryDirectory() as folder:
            path = f"{folder}/r.jsonl"
            results = ResultsFile(path)
            there: set[int] = set()
            for index in order:
                results.put(index, {"result": "x" * index})
                there.add(index)
                ready = next(n for n in range(len(order) + 1) if n not in there)
                # What has become possible is written at once.
                assert len(read(f"{path}.partial")) == ready
                assert results.waiting == len(there) - ready
            found = read(results.finish(len(order)))
        assert found == [{"index": n, "result": "x" * n} for n in range(len(order))]

    @given(st.integers(0, 30), st.data())
    def test_items_without_a_result_are_null_in_the_end(
        self, count: int, data: st.DataObject
    ) -> None:
        there = (
            data.draw(st.lists(st.sampled_from(range(count)), unique=True))
            if count
            else []
        )
        with TemporaryDirectory() as folder:
            results = ResultsFile(f"{folder}/r.jsonl")
            for index in there:
                results.put(index, {"result": index})
            found = read(results.finish(count))
        assert found == [
            {"index": index, "result": index if index in there else None}
            for index in range(count)
        ]

    @given(st.lists(st.integers(0, 50), unique=True))
    def test_what_was_put_is_kept_in_order(self, there: list[int]) -> None:
        with TemporaryDirectory() as folder:
            results = ResultsFile(f"{folder}/r.jsonl")
            for index in there:
                results.put(index, {"result": index})
            kept = results.keep()
            assert kept == f"{folder}/r.jsonl.partial"
            assert [line["index"] for line in read(kept)] == sorted(there)
            assert os.listdir(folder) == ["r.jsonl.partial"]

    def test_a_batch_of_none_is_an_empty_file(self) -> None:
        assert ResultsFile("r.jsonl").finish(0) == "r.jsonl"
        assert Path("r.jsonl").read_bytes() == b""

    def test_threads_may_put_at_once(self) -> None:
        count, crew = 20_000, 10
        results = ResultsFile("r.jsonl")
        indexes = iter(range(count))
        taking = threading.Lock()

        def work() -> None:
            while True:
                with taking:
                    index = next(indexes, None)
                if index is None:
                    return
                results.put(index, {"result": "x" * (index % 100)})

        threads = [threading.Thread(target=work) for _ in range(crew)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # All of it is written already: no put left that to another that is over.
        assert results.waiting == 0
        assert Path("r.jsonl.partial").read_bytes().count(b"\n") == count
        found = read(results.finish(count))
        expected = [{"index": n, "result": "x" * (n % 100)} for n in range(count)]
        assert found == expected

    def test_what_waits_is_held_as_little_as_can_be(self) -> None:
        results = ResultsFile("r.jsonl")
        count = scaled(10_000)
        gc.collect()
        tracemalloc.start()
        try:
            for index in range(1, count + 1):
                results.put(index, {"result": {"numbers": list(range(100))}})
            held, _ = tracemalloc.get_traced_memory()
            results.put(0, {"result": None})
            del index
            left, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < count * 600  # each list alone takes more than 800 bytes
        assert left < count * 100
        results.finish(count + 1)

    @pytest.mark.parametrize("index", [0, 2])
    def test_an_item_has_one_result(self, index: int) -> None:
        results = ResultsFile("r.jsonl")
        results.put(0, {"result": 0})
        results.put(2, {"result": 2})
        with pytest.raises(ValueError, match=f"item {index} has a result already"):
            results.put(index, {"result": 3})
        assert [line["result"] for line in read(results.finish(3))] == [0, None, 2]

    @pytest.mark.parametrize("index", [3, 5])
    def test_a_result_past_the_last_item_is_not_dropped(self, index: int) -> None:
        results = ResultsFile("r.jsonl")
        for number in [0, 1, 2, index]:
            results.put(number, {"result": number})
        with pytest.raises(ValueError, match="results past the last of 3 items"):
            results.finish(3)
        assert len(read(results.keep())) == 4

    def test_nothing_is_put_into_a_file_that_is_closed(self) -> None:
        results = ResultsFile("r.jsonl")
        results.finish(1)
        with pytest.raises(ValueError, match="closed, item 1 comes too late"):
            results.put(1, {"result": 1})
        assert read("r.jsonl") == [{"index": 0, "result": None}]


class TestTheFile:
    def test_it_has_its_name_once_it_is_complete(self) -> None:
        Path("r.jsonl").write_text("old")
        results = ResultsFile("r.jsonl")
        results.put(0, {"result": 1})
        assert Path("r.jsonl").read_text() == "old"
        results.finish(1)
        assert os.listdir() == ["r.jsonl"]

    def test_what_an_earlier_run_left_is_written_over(self) -> None:
        Path("r.jsonl.partial").write_text("old\n" * 100)
        results = ResultsFile("r.jsonl")
        results.put(0, {"result": 1})
        assert read(results.keep()) == [{"index": 0, "result": 1}]

    def test_it_can_be_kept_more_than_once(self) -> None:
        results = ResultsFile("r.jsonl")
        results.put(1, {"result": 1})
        assert results.keep() == results.keep() == "r.jsonl.partial"
        assert read("r.jsonl.partial") == [{"index": 1, "result": 1}]

    def test_a_link_is_followed(self) -> None:
        os.mkdir("there")
        Path("there/f").write_text("old")
        os.symlink("there/f", "r.jsonl")
        assert ResultsFile("r.jsonl").finish(1) == "r.jsonl"
        assert os.readlink("r.jsonl") == "there/f"
        assert len(read("there/f")) == 1
        kept = ResultsFile("r.jsonl").keep()
        assert os.path.samefile(kept, "there/f.partial")
        assert sorted(os.listdir()) == ["r.jsonl", "there"]

    def test_home_is_spelled_out_as_the_file_nodes_do(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        assert ResultsFile("~/r.jsonl").finish(0) == str(tmp_path / "r.jsonl")

    def test_a_change_of_the_working_directory_does_not_move_it(self) -> None:
        os.mkdir("elsewhere")
        results = ResultsFile("r.jsonl")
        os.chdir("elsewhere")
        results.finish(0)
        assert sorted(os.listdir("..")) == ["elsewhere", "r.jsonl"]
        assert os.listdir() == []

    @pytest.mark.parametrize("bits", [0o600, 0o640, 0o444])
    def test_a_file_that_it_replaces_gives_it_its_mode(self, bits: int) -> None:
        Path("r.jsonl").touch()
        os.chmod("r.jsonl", bits)
        results = ResultsFile("r.jsonl")
        assert mode("r.jsonl.partial") & 0o077 == 0
        results.finish(0)
        assert mode("r.jsonl") == bits

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
    def test_and_its_owner(self) -> None:
        Path("r.jsonl").touch()
        os.chown("r.jsonl", 1234, 2345)
        ResultsFile("r.jsonl").finish(0)
        info = os.stat("r.jsonl")
        assert (info.st_uid, info.st_gid) == (1234, 2345)

    def test_a_new_file_has_the_mode_that_the_umask_leaves(self) -> None:
        before = os.umask(0o027)
        try:
            ResultsFile("r.jsonl").finish(0)
        finally:
            os.umask(before)
        assert mode("r.jsonl") == 0o640


class TestRefusals:
    @pytest.mark.parametrize(
        ("path", "found"),
        [
            ("", "an empty string"),
            (None, "null"),
            (3, "a number"),
            ({"jsonl": "r"}, "an object"),
        ],
    )
    def test_what_is_no_path(self, path: object, found: str) -> None:
        assert refusal(path) == f"results can only go to a path, not to {found}"

    @pytest.mark.parametrize(
        ("path", "reason"),
        [
            ("folder", "Is a directory"),
            ("folder/", "it ends in /, as only folders do"),
            ("new/", "it ends in /, as only folders do"),
            ("blocked", "Is a directory"),
            ("pipe", "pipe is not a regular file"),
            ("/dev/null", "/dev/null is not a regular file"),
            ("/dev/stdout", "/dev/stdout is not a regular file"),
            ("loop", "Too many levels of symbolic links"),
            ("f/r.jsonl", "Not a directory"),
            ("n" * 250, "File name too long"),
            ("a\0", "a NUL character cannot stand in a path"),
        ],
    )
    def test_what_cannot_be_replaced(self, path: str, reason: str) -> None:
        os.makedirs("folder")
        os.makedirs("blocked.partial")
        os.mkfifo("pipe")
        os.symlink("loop", "loop")
        Path("f").touch()
        before = sorted(os.listdir())
        assert refusal(path) == f"cannot write results to {path}: {reason}"
        assert sorted(os.listdir()) == before

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        reason = f"there is no folder {tmp_path / 'out'}"
        assert (
            refusal("out/r.jsonl") == f"cannot write results to out/r.jsonl: {reason}"
        )
        assert os.listdir() == []

    def test_a_folder_where_nobody_can_write(self) -> None:
        message = "cannot write results to /proc/self/r.jsonl: "
        assert refusal("/proc/self/r.jsonl").startswith(message)

    def test_a_link_in_place_of_the_partial_file(self) -> None:
        Path("precious").write_text("x")
        os.symlink("precious", "r.jsonl.partial")
        assert "Too many levels of symbolic links" in refusal("r.jsonl")
        assert Path("precious").read_text() == "x"

    def test_a_second_one_while_the_first_is_written(self) -> None:
        os.symlink("r.jsonl", "link")
        first = ResultsFile("r.jsonl")
        first.put(0, {"result": 1})
        busy = "another batch is writing to it"
        assert refusal("r.jsonl") == f"cannot write results to r.jsonl: {busy}"
        assert refusal("./link").endswith(busy)
        first.put(1, {"result": 2})
        assert len(read(first.finish(2))) == 2
        ResultsFile("r.jsonl").finish(0)

    def test_a_second_one_of_another_process(self) -> None:
        first = ResultsFile("r.jsonl")
        program = (
            "from pflow_lower.runtime.batch.results_file import ResultsFile\n"
            "ResultsFile('r.jsonl')\n"
        )
        assert "another batch is writing to it" in python(program).stderr
        first.finish(0)

    def test_many_runs_that_take_turns_never_spoil_a_result(self) -> None:
        finished: list[str] = []

        def work(name: str) -> None:
            for _ in range(100):
                try:
                    results = ResultsFile("r.jsonl")
                except ResultsFileError:
                    continue
                for index in range(5):
                    results.put(index, {"result": name})
                results.finish(5)
                finished.append(name)
                with open("r.jsonl", encoding="utf-8") as file:
                    whole = [json.loads(line)["result"] for line in file]
                assert len(whole) == 5
                assert len(set(whole)) == 1

        failures: list[object] = []
        before, threading.excepthook = threading.excepthook, failures.append
        try:
            threads = [threading.Thread(target=work, args=(n,)) for n in "abcd"]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            threading.excepthook = before
        assert failures == []
        assert finished
        assert os.listdir() == ["r.jsonl"]


LIMITED = """
import resource, sys
from pflow_lower.runtime.batch.results_file import ResultsFile, ResultsFileError

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

results = ResultsFile("r.jsonl")
limit(1000)
"""


class TestFailures:
    def test_a_disk_that_is_full_leaves_whole_lines(self) -> None:
        program = """
failures = []
for index in range(20):
    try:
        results.put(index, {"result": "x" * 100})
    except ResultsFileError as error:
        failures.append(str(error))
print(len(failures), results.waiting, failures[-1])
try:
    results.finish(20)
except ResultsFileError as error:
    print(error)
print(results.keep())
"""
        ended = python(LIMITED + program)
        message = (
            "cannot write results to r.jsonl: File too large; "
            "the results so far are in r.jsonl.partial"
        )
        assert ended.stderr == ""
        assert ended.stdout.splitlines() == [
            f"12 0 {message}",
            message,
            "r.jsonl.partial",
        ]
        assert [line["index"] for line in read("r.jsonl.partial")] == [*range(8)]
        assert os.listdir() == ["r.jsonl.partial"]

    def test_when_there_is_room_again_nothing_has_been_lost(self) -> None:
        program = """
failures = 0
for index in range(20):
    try:
        results.put(index, {"result": "x" * 100})
    except ResultsFileError:
        failures += 1
        if failures == 5:
            limit(resource.RLIM_INFINITY)
print(failures, results.finish(20))
"""
        ended = python(LIMITED + program)
        assert (ended.stdout, ended.stderr) == ("5 r.jsonl\n", "")
        assert [line["index"] for line in read("r.jsonl")] == [*range(20)]

    def test_what_waits_is_kept_as_far_as_there_is_room(self) -> None:
        program = """
for index in range(1, 20):
    results.put(index, {"result": "x" * 100})
try:
    results.keep()
except ResultsFileError as error:
    print(error)
print(results.keep())
"""
        ended = python(LIMITED + program)
        assert ended.stderr == ""
        assert "File too large" in ended.stdout
        assert ended.stdout.endswith("\nr.jsonl.partial\n")
        lines = read("r.jsonl.partial")
        assert [line["index"] for line in lines] == [*range(1, 1 + len(lines))]
        assert len(lines) == 8

    def test_a_folder_that_is_deleted_meanwhile_is_an_error(self) -> None:
        os.mkdir("out")
        for end in (lambda each: each.finish(1), ResultsFile.keep):
            results = ResultsFile("out/r.jsonl")
            results.put(0, {"result": 1})
            os.remove("out/r.jsonl.partial")
            os.rmdir("out")
            with pytest.raises(ResultsFileError) as raised:
                end(results)
            assert str(raised.value) == (
                "cannot write results to out/r.jsonl: "
                "out/r.jsonl.partial was removed while it was written to"
            )
            os.mkdir("out")
        assert os.listdir("out") == []

    def test_the_partial_file_of_another_run_is_not_taken_for_ours(self) -> None:
        first = ResultsFile("r.jsonl")
        os.remove("r.jsonl.partial")
        second = ResultsFile("r.jsonl")
        second.put(0, {"result": "second"})
        with pytest.raises(ResultsFileError, match="was removed while"):
            first.finish(1)
        assert read(second.finish(1)) == [{"index": 0, "result": "second"}]

    def test_a_folder_in_place_of_the_file_leaves_the_results(self) -> None:
        results = ResultsFile("r.jsonl")
        results.put(0, {"result": 1})
        os.mkdir("r.jsonl")
        with pytest.raises(ResultsFileError, match="Is a directory; the results so"):
            results.finish(1)
        assert len(read(results.keep())) == 1

    def test_an_interrupt_at_any_moment_costs_no_line_and_doubles_none(self) -> None:
        program = """
import itertools, os, random, signal, sys, threading
from pflow_lower.runtime.batch.results_file import ResultsFile

signal.signal(signal.SIGALRM, signal.default_int_handler)
chance = random.Random(1)
interrupts = 0
for run in range(300):
    results = ResultsFile("r.jsonl")
    done = []
    try:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0001, 0.003))
        for start in itertools.count(0, 10):
            for index in chance.sample(range(start, start + 10), 10):
                results.put(index, {"result": index})
                done.append(index)
    except KeyboardInterrupt:
        interrupts += 1
    kept = results.keep()
    with open(kept, encoding="utf-8") as file:
        written = [int(line.removeprefix('{"index":').split(",")[0]) for line in file]
    assert written == sorted(set(written)), written
    assert set(done) <= set(written), (done, written)
print(interrupts)
"""
        ended = python(program)
        assert (ended.stdout, ended.stderr) == ("300\n", "")

    def test_a_kill_leaves_what_was_put_in_the_partial_file(self) -> None:
        program = (
            "import sys, time\n"
            "from pflow_lower.runtime.batch.results_file import ResultsFile\n"
            "results = ResultsFile('r.jsonl')\n"
            "for index in [0, 1, 2, 4]:\n"
            "    results.put(index, {'result': index})\n"
            "print('put', flush=True)\n"
            f"time.sleep({PATIENCE})\n"
        )
        command = [sys.executable, "-c", program]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"put\n"
            process.send_signal(signal.SIGKILL)
        assert os.listdir() == ["r.jsonl.partial"]
        assert [line["index"] for line in read("r.jsonl.partial")] == [0, 1, 2]
        # Nothing is locked any more.
        ResultsFile("r.jsonl").finish(0)
