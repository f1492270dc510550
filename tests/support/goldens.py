"""Goldens that are real files with names of their own, for syrupy."""

from pathlib import Path
from typing import ClassVar

from syrupy.data import Snapshot, SnapshotCollection, SnapshotCollections
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation
from syrupy.types import SnapshotIndex


class NamedGolden(SingleFileSnapshotExtension):
    """A text in a file whose name is the one that the test gives.

    Syrupy tells by names which files belong to which tests; a file of this kind
    belongs to the test function `test`.
    """

    _write_mode = WriteMode.TEXT
    test: ClassVar[str]

    @classmethod
    def get_snapshot_name(
        cls, *, test_location: PyTestLocation, index: SnapshotIndex = 0
    ) -> str:
        return test_location.testname

    @classmethod
    def get_file_basename(
        cls, *, test_location: PyTestLocation, index: SnapshotIndex
    ) -> str:
        return str(index)

    @classmethod
    def matches_test_location(
        cls, *, test_location: PyTestLocation, snapshot_location: str
    ) -> bool:
        # By the function, not the parameter: what no parameter claims is left over.
        return test_location.methodname == cls.test

    def read_snapshot_collection(self, *, snapshot_location: str) -> SnapshotCollection:
        collection = SnapshotCollection(location=snapshot_location)
        collection.add(Snapshot(name=self.test_of(snapshot_location)))
        return collection

    @classmethod
    def test_of(cls, location: str) -> str:
        name = Path(location).name.removesuffix(f".{cls.file_extension}")
        return f"{cls.test}[{name.removesuffix('_lowered')}]"


class GoldenBeside(NamedGolden):
    """A golden that stands beside the file that it is about, in `folder`."""

    folder: ClassVar[Path]

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        return str(cls.folder)

    def discover_snapshots(
        self,
        *,
        test_location: PyTestLocation,
        ignore_extensions: list[str] | None = None,
    ) -> SnapshotCollections:
        # Syrupy's own version takes every other file of the folder for one that is
        # left over, and deletes it when it updates.
        found = SnapshotCollections()
        for path in self.folder.glob(f"*.{self.file_extension}"):
            found.add(self.read_snapshot_collection(snapshot_location=str(path)))
        return found
