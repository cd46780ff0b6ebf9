"""Adding probes to a release of `tests.successor_release`, right ones or such as no machine answers.

Callers: the tests of loading and of swaps.
"""

from pathlib import Path

from msgspec.structs import replace

from models.probe_answers import make_probes
from models.release import assemble_release, read_manifest, sha256_of
from schemas.ids import ItemId
from schemas.release_manifest import MANIFEST_FILE, FileDigest, encode_release_manifest
from schemas.release_probe import PROBES_FILE, ReleaseProbes, encode_release_probes


def made_probes(folder: Path, sessions: list[list[str]]) -> ReleaseProbes:
    """What the release answers to views of these items."""
    release = assemble_release(folder, read_manifest(folder))
    return make_probes(release, [([ItemId(one) for one in items], bytes(len(items))) for items in sessions])


def add_probes(folder: Path, probes: ReleaseProbes) -> None:
    """Put probes into a release, and their hash into its manifest."""
    path, manifest = folder / PROBES_FILE, read_manifest(folder)
    path.write_bytes(encode_release_probes(probes))
    files = {**manifest.files, PROBES_FILE: FileDigest(sha256_of(path), path.stat().st_size)}
    (folder / MANIFEST_FILE).write_bytes(encode_release_manifest(replace(manifest, files=files)))


def with_other_score(probes: ReleaseProbes, number: int, add: float) -> ReleaseProbes:
    """The same but for the best score of one probe, counted from 1."""
    probe = probes.probes[number - 1]
    other = replace(probe, list_scores=(probe.list_scores[0] + add, *probe.list_scores[1:]))
    return replace(probes, probes=(*probes.probes[: number - 1], other, *probes.probes[number:]))
