"""Folders that are replaced, raced for, killed and linked: nothing of a person's is lost, nothing is half there."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from allocator.errors import OutputError
from allocator.io.folders import debris, disk
from allocator.io.folders.files import check_output, finish_products, replace_files, whole_folder
from allocator.io.folders.ours import read_hashes
from allocator.io.folders.results import write_results
from allocator.pipeline.save import hashes_of

DEAD = f"{debris.owner().split('-')[0]}-999999999-1-0123abcd"
ELSEWHERE = "00000000-1-1-0123abcd"


def write_output(folder, text, *, overwrite=False):
    pages = {"page.html": text, "more/page.html": text}
    return write_results(
        folder, tables={}, pages=pages, figures={"values": {}}, manifest={"seed": 0}, overwrite=overwrite
    )


@pytest.fixture
def output(tmp_path):
    return write_output(tmp_path / "out", "old")


def tree(folder: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in disk.files_in(folder) if path.is_file()}


def test_an_output_of_ours_is_replaced_and_nothing_else_is_there(output):
    write_output(output, "new", overwrite=True)
    assert (output / "page.html").read_text() == "new"
    assert [path.name for path in output.parent.iterdir()] == ["out"]


def test_every_file_but_the_manifest_is_hashed(output):
    manifest = json.loads((output / "manifest.json").read_text())
    assert set(manifest["files"]) == {"page.html", "more/page.html", "summary.json"}
    assert manifest["layout"] == 3


def add(folder, name="thesis.txt"):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("ten years of work")


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (add, "thesis.txt"),
        (lambda folder: add(folder, "more/notes.md"), "more/notes.md"),
        (lambda folder: add(folder, ".hidden"), ".hidden"),
        (lambda folder: add(folder, "my/own.txt"), "my/own.txt"),
        (lambda folder: (folder / "page.html").write_text("edited"), "page.html"),
        (lambda folder: (folder / "summary.json").write_text("{}"), "summary.json"),
        (lambda folder: (folder / "link").symlink_to("/etc"), "link"),
        (lambda folder: (folder / "link.txt").symlink_to("/etc/hostname"), "link.txt"),
        (lambda folder: (folder / "dead").symlink_to("nowhere"), "dead"),
        (lambda folder: os.mkfifo(folder / "pipe"), "pipe"),
        (lambda folder: (folder / "mine").mkdir(), "mine"),
        (lambda folder: (folder / "manifest.json").write_text(
            json.dumps({**json.loads((folder / "manifest.json").read_text()), "note": "mine"})), "manifest.json"),
    ],
)  # fmt: skip
def test_what_a_person_added_or_changed_is_named_and_nothing_is_touched(output, harm, named):
    harm(output)
    before = tree(output)
    for refuse in (lambda: check_output(output, overwrite=True), lambda: write_output(output, "new", overwrite=True)):
        with pytest.raises(OutputError, match="not overwritten") as told:
            refuse()
        assert told.value.exit_code == 6
        assert [fault.partition(":")[0] for fault in told.value.faults] == [named]
        assert named in told.value.message
    assert tree(output) == before
    assert [path.name for path in output.parent.iterdir()] == ["out"]


def test_what_is_added_while_the_run_is_made_is_kept_too(output):
    def work():
        with whole_folder(output, overwrite=True) as place:
            (place / "page.html").write_text("new")
            add(output)

    with pytest.raises(OutputError, match=r"thesis\.txt"):
        work()
    assert (output / "thesis.txt").read_text() == "ten years of work"
    assert (output / "page.html").read_text() == "old"


@pytest.mark.parametrize(
    "manifest",
    ['{"name": "my web app"}', "[]", "not json", "", "[" * 100_000, '{"layout": 3}', '{"layout": 3, "files": []}',
     '{"files": {"thesis.txt": "0"}}', "null"],
)  # fmt: skip
def test_a_strangers_folder_with_a_manifest_is_refused(tmp_path, manifest):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "manifest.json").write_text(manifest)
    add(tmp_path / "thesis")
    with pytest.raises(OutputError, match="not a run folder"):
        check_output(tmp_path / "thesis", overwrite=True)
    assert (tmp_path / "thesis" / "thesis.txt").exists()


def test_system_files_and_files_that_are_gone_are_no_hindrance(output):
    (output / ".DS_Store").write_text("")
    (output / "page.html").unlink()
    write_output(output, "new", overwrite=True)
    assert (output / "page.html").read_text() == "new"


def test_a_link_is_never_replaced(output):
    link = output.with_name("latest")
    link.symlink_to(output)
    for target in (link, output.with_name("dead")):
        if target != link:
            target.symlink_to("nowhere")
        with pytest.raises(OutputError, match="is a link"):
            check_output(target, overwrite=True)
        with pytest.raises(OutputError, match="exists already"):
            check_output(target)


def without_renameat2(monkeypatch):
    """A system, or a disk, that cannot exchange names nor refuse to replace."""
    monkeypatch.setattr(disk.ctypes, "CDLL", lambda *_, **__: object())


@pytest.mark.parametrize("folder", [True, False])
def test_a_name_taken_between_look_and_rename_is_told_as_taken(tmp_path, monkeypatch, folder):
    """On a system without renameat2 another run may be first by an instant: ENOTEMPTY or ENOTDIR."""
    without_renameat2(monkeypatch)
    (tmp_path / "mine").mkdir()
    taken = tmp_path / "run"
    if folder:
        taken.mkdir()
        (taken / "who").write_text("other")
    else:
        taken.write_text("other")
    monkeypatch.setattr(disk.os.path, "lexists", lambda path: False)
    with pytest.raises(FileExistsError):
        disk.move_new(tmp_path / "mine", taken)
    assert (taken / "who" if folder else taken).read_text() == "other"


@pytest.mark.parametrize("plain_system", [False, True])
def test_of_two_at_once_one_wins_and_the_others_are_told(tmp_path, monkeypatch, plain_system):
    if plain_system:
        without_renameat2(monkeypatch)
    barrier, outcomes, told = threading.Barrier(5), [], []

    def work(n):
        try:
            with whole_folder(tmp_path / "run") as place:
                (place / "who").write_text(str(n))
                barrier.wait()
            outcomes.append(n)
        except OutputError as error:
            told.append(str(error))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 1
    assert ["made by another run" in one for one in told] == [True] * 4
    assert (tmp_path / "run" / "who").read_text() == str(outcomes[0])
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_output_keeps_its_name_while_it_is_replaced(output):
    gone, stop = [], threading.Event()

    def watch():
        while not stop.is_set():
            if not output.exists():
                gone.append(time.time())

    watcher = threading.Thread(target=watch)
    watcher.start()
    for n in range(60):
        write_output(output, str(n), overwrite=True)
    stop.set()
    watcher.join()
    if sys.platform == "linux":
        assert gone == []


def test_without_an_exchange_the_old_copy_is_taken_back(output, monkeypatch):
    without_renameat2(monkeypatch)
    write_output(output, "new", overwrite=True)
    assert (output / "page.html").read_text() == "new"
    output.rename(output.with_name(f".out.old-{DEAD}"))  # killed between the renames
    with pytest.raises(OutputError, match="exists already"):
        check_output(output)
    assert (output / "page.html").read_text() == "new"
    output.rename(output.with_name(f".out.old-{DEAD}"))
    debris.take_back(output)
    assert [path.name for path in output.parent.iterdir()] == ["out"]


def test_left_overs_of_any_killed_run_are_swept_and_others_are_not(tmp_path):
    swept = [f".week.partial-{DEAD}", f".other.partial-{DEAD}", ".third.partial-999999999"]
    living = f".now.partial-{debris.owner()}"
    kept = [living, f".far.partial-{ELSEWHERE}", ".config.old-2024", ".cache.partial-2024x", ".data.partial-999999998"]
    for name in (*swept, *kept):
        (tmp_path / name).mkdir()
    (tmp_path / ".config.old-2024" / "mine.txt").write_text("mine")
    (tmp_path / ".data.partial-999999998" / "mine.txt").write_text("mine")
    (tmp_path / "config").mkdir()
    check_output(tmp_path / "run")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, "config"])


def test_a_folder_of_another_machine_is_swept_only_after_a_day(tmp_path):
    far = tmp_path / f".far.partial-{ELSEWHERE}"
    far.mkdir()
    (far / "a").write_text("a")
    old = time.time() - 25 * 3600
    os.utime(far, (old, old))
    check_output(tmp_path / "run")
    assert far.exists()  # a file in it is new
    os.utime(far / "a", (old, old))
    os.utime(far, (old, old))
    check_output(tmp_path / "run")
    assert not far.exists()


def test_a_process_number_that_was_given_again_is_no_owner():
    host, pid, start, token = debris.owner().split("-")
    assert debris.is_alive(f"{host}-{pid}-{start}-{token}")
    assert debris.is_alive(f"{host}-{pid}-{int(start) + 1}-{token}") is (start == "0")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_killed_at_any_moment_a_replaced_folder_is_whole(output):
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from test_files import write_output\n"
        "print('begun', flush=True)\n"
        "for n in range(10**6): write_output(sys.argv[1], str(n), overwrite=True)"
    )
    for n in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(output), str(Path(__file__).parent)], stdout=subprocess.PIPE
        )
        child.stdout.readline()
        time.sleep(0.05 + 0.013 * n)
        child.send_signal(signal.SIGKILL)
        child.wait(30)
        child.stdout.close()
        check_output(output, overwrite=True)  # whole, ours, and swept
        assert (output / "page.html").read_text() == (output / "more" / "page.html").read_text()
        assert [path.name for path in output.parent.iterdir()] == ["out"]


# --- products of a folder that exists ---------------------------------------------------------------------------------


def products(text):
    made = {"report.html": text.encode(), "briefings/index.html": text.encode(), "map.png": text.encode()}
    return {**made, "products.json": hashes_of(made)}


def test_products_killed_between_renames_are_finished_at_the_next_look(output):
    replace_files(products("one"), output)
    for n_moved in range(4):
        replace_files(products("one"), output)
        two = products(f"two {n_moved}")
        ready = output / f".products-{DEAD}.ready"
        for name, content in list(two.items())[n_moved:]:
            (ready / name).parent.mkdir(parents=True, exist_ok=True)
            (ready / name).write_bytes(content)
        for name, content in list(two.items())[:n_moved]:
            (output / name).write_bytes(content)
        finish_products(output)
        assert {name: (output / name).read_bytes() for name in two} == two
        assert not list(output.glob(".products-*"))


def test_what_a_person_changed_after_the_kill_stays(output):
    replace_files(products("one"), output)
    ready = output / f".products-{DEAD}.ready"
    for name, content in products("two").items():
        (ready / name).parent.mkdir(parents=True, exist_ok=True)
        (ready / name).write_bytes(content)
    (output / "report.html").write_text("my remarks")
    finish_products(output)
    assert (output / "report.html").read_text() == "my remarks"
    assert (output / "map.png").read_text() == "two"
    assert read_hashes(output / "products.json")["report.html"] != disk.sha256(output / "report.html")


def test_products_half_written_are_removed_and_those_being_written_are_waited_for(output):
    (output / f".products-{DEAD}").mkdir()
    replace_files(products("one"), output)
    (output / f".products-{debris.owner()}").mkdir()
    with pytest.raises(OutputError, match="another process is writing"):
        replace_files(products("two"), output)
    assert (output / "report.html").read_text() == "one"


@pytest.mark.parametrize("name", ["report.html", "briefings"])
def test_nothing_is_written_through_a_link(output, tmp_path, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "report.html").write_text("precious")
    (output / name).symlink_to(outside / "report.html" if name == "report.html" else outside)
    with pytest.raises(OutputError, match="would lead out of the folder") as told:
        replace_files(products("one"), output)
    assert told.value.faults == (name,)
    assert [path.name for path in outside.iterdir()] == ["report.html"]
    assert (outside / "report.html").read_text() == "precious"
    assert not (output / "map.png").exists()


def test_hashes_tell_of_what_was_moved_before_a_failure(output, monkeypatch):
    replace_files(products("one"), output)
    whole, moved = Path.replace, []

    def fail_at_the_second(self, target):
        if ".ready" in str(self):
            moved.append(target)
            if len(moved) == 2:
                raise OSError(errno.EIO, "Input/output error")
        return whole(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail_at_the_second)
        with pytest.raises(OutputError, match=r"new are report\.html"):
            replace_files(products("two"), output)
    known = read_hashes(output / "products.json")
    assert all(disk.sha256(output / name) == known[name] for name in known)


# --- room, names, power ------------------------------------------------------------------


def test_no_room_is_told_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**6))
    with pytest.raises(OutputError, match=r"has 1\.0 MB of room, at least 64 are needed"):
        check_output(tmp_path / "run")
    with pytest.raises(OutputError, match=r"the temporary folder .* TMPDIR"):
        disk.check_temporary()


def test_a_name_that_is_too_long_is_told_before_the_work(tmp_path):
    with pytest.raises(OutputError, match="at most 191 bytes"):
        check_output(tmp_path / ("x" * 250))
    write_output(tmp_path / ("x" * 190), "long")


def test_all_is_flushed_before_the_folder_has_its_name(tmp_path, monkeypatch):
    flushed, whole = [], os.fsync

    def note(number):
        flushed.append((str(Path(f"/proc/self/fd/{number}").readlink()), (tmp_path / "run").exists()))
        whole(number)

    monkeypatch.setattr(os, "fsync", note)
    write_output(tmp_path / "run", "text")
    before = {Path(path).name for path, there in flushed if not there}
    assert {"page.html", "more", "manifest.json", "summary.json"} <= before
    assert (str(tmp_path), True) in flushed


def test_an_input_that_changes_after_it_was_read_is_seen(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("a")
    read = disk.Input.of("data.events.0", str(path))
    os.utime(path, (1, 1))
    assert not read.has_changed()  # touched, not changed
    path.write_text("b")
    assert read.has_changed()
    path.unlink()
    assert read.has_changed()
    assert disk.Input.of("k", str(path)).sha256 == ""
