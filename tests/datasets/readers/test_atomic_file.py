import errno
import os
import stat

import pytest

from datasets.readers import atomic_file


@pytest.fixture(params=[False, True])
def concurrent(request):
    return request.param


def test_the_file_is_replaced_when_the_block_ends(tmp_path, concurrent):
    path = tmp_path / "rows.csv"
    path.write_text("old")
    with atomic_file.replacing(path, concurrent) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent
        assert temporary.suffix == path.suffix
        assert temporary.name.startswith(".")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["rows.csv"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_error_leaves_the_old_file_alone(tmp_path, concurrent, error):
    path = tmp_path / "rows.csv"
    path.write_text("old")

    def write():
        with atomic_file.replacing(str(path), concurrent) as temporary:
            temporary.write_text("new")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["rows.csv"]


def test_concurrent_writers_have_files_of_their_own(tmp_path):
    path = tmp_path / "rows.csv"
    with atomic_file.replacing(path, concurrent=True) as first:
        first.write_text("first")
        with atomic_file.replacing(path, concurrent=True) as second:
            second.write_text("second")
        assert path.read_text() == "second"
    assert path.read_text() == "first"


def test_killed_runs_leave_only_one_file(tmp_path):
    names = set()
    for _ in range(2):
        with atomic_file.replacing(tmp_path / "rows.csv") as temporary:
            temporary.write_text("new")
            names.add(temporary)
    assert len(names) == 1


def test_a_full_disk_has_a_file_name(tmp_path):
    path = tmp_path / "rows.csv"
    with pytest.raises(OSError, match="No space left") as caught, atomic_file.replacing(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.filename == str(path)


def test_a_folder_that_does_not_exist(tmp_path):
    with (
        pytest.raises(FileNotFoundError),
        atomic_file.replacing(tmp_path / "none" / "rows.csv") as temporary,
    ):
        temporary.write_text("new")
