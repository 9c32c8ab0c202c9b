"""Many photos or labels: vectors in a file, neighbours by sketches, and rows that stay small."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest

from critterdb.dataset import embeddings, similarity
from critterdb.dataset.sketch_store import Sketches, store_sketches, usual_candidates
from critterdb.dataset.sketches import Sketcher, bits_apart
from critterdb.dataset.splits import measured_photos
from critterdb.dataset.vectors import PREFIX, VectorFile
from critterdb.model.decision import MAX_STORED, REST, decide
from critterdb.model.novelty import NoveltyParameters, normalized
from critterdb.training import novelty
from critterdb.training.novelty import fit_novelty
from critterdb.training.sampling import fitted_photos, sample

if TYPE_CHECKING:
    from pathlib import Path

    from critterdb.model.labels import Label
    from critterdb.storage.database import SiteDatabase

DIMENSIONS = 64
PHOTOS, BUNCHES = 3000, 30


def bunched(photos: int = PHOTOS, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    bunches = random.standard_normal((BUNCHES, DIMENSIONS))
    noise = 0.5 * random.standard_normal((photos, DIMENSIONS))
    return np.asarray(np.abs(bunches[random.integers(0, BUNCHES, photos)] + noise), np.float32)


def with_copies(vectors: np.ndarray, copies: int) -> np.ndarray:
    """The same with late photos that are nearly early ones."""
    random = np.random.default_rng(1)
    changed = vectors.copy()
    noise = 0.03 * random.standard_normal((copies, DIMENSIONS))
    changed[-copies:] = np.abs(vectors[:copies] + noise)
    return changed.astype("<f2").astype(np.float32)


def name_of(photo: int) -> str:
    return f"{photo + 1:064x}"


def embed(db: SiteDatabase, vectors: np.ndarray, start: int = 0) -> None:
    db.conn.executemany(
        "INSERT INTO embeddings (sha256, backbone, vector, dimensions) VALUES (?, 'b', ?, ?)",
        [
            (name_of(start + number), vector.astype("<f2").tobytes(), DIMENSIONS)
            for number, vector in enumerate(vectors)
        ],
    )


def test_near_duplicates_are_the_same_by_sketches(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = with_copies(bunched(), 200)
    held_out = np.arange(0, PHOTOS, 3)
    exact = similarity.near_pairs(vectors, held_out)
    assert len(exact) > 100
    monkeypatch.setattr(similarity, "MAX_COMPARED", 0)
    found = similarity.near_pairs(vectors, held_out)
    assert {pair[:2] for pair in found} <= {pair[:2] for pair in exact}
    assert len(found) >= 0.99 * len(exact)
    distance_of = {pair[:2]: pair[2] for pair in exact}
    assert all(distance == pytest.approx(distance_of[a, b], abs=1e-6) for a, b, distance in found)


@pytest.mark.parametrize("mapped_rows", [7, 1024])
def test_a_file_of_vectors_is_read_like_an_array(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapped_rows: int
) -> None:
    monkeypatch.setattr("critterdb.dataset.vectors.MAX_MAPPED_ROWS", mapped_rows)
    vectors = with_copies(bunched(50), 5)
    file = VectorFile.create(tmp_path, 50, DIMENSIONS)
    file.write(np.arange(25, 50), vectors[25:])
    file.write(np.arange(25), vectors[:25])
    odd = np.arange(50) % 2 == 1
    assert file.shape == vectors.shape
    assert np.array_equal(file[10:20], vectors[10:20])
    assert np.array_equal(file.take(odd)[:3], vectors[odd][:3])
    assert file[:0].shape == (0, DIMENSIONS)
    elsewhere = pickle.loads(pickle.dumps(file.take(odd)))
    assert np.array_equal(elsewhere[np.array([4, 0])], vectors[odd][[4, 0]])


def test_files_of_vectors_leave_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / f"{PREFIX}killed").write_bytes(b"\0" * 100)
    file = VectorFile.create(tmp_path, 10, DIMENSIONS)
    other = VectorFile.create(tmp_path, 10, DIMENSIONS)
    assert sorted(tmp_path.iterdir()) == sorted([file.path, other.path])
    part = file.take(np.arange(3))
    del file
    assert part[:].shape == (3, DIMENSIONS)
    del part, other
    assert not list(tmp_path.iterdir())


def test_embeddings_of_many_photos_are_read_into_a_file(
    db: SiteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed(db, bunched(40))
    names = [name_of(number) for number in (*range(35, 45), 3)]
    readable, vectors = embeddings.read_vectors(db, names, "b")
    monkeypatch.setattr(embeddings, "MAX_IN_MEMORY", 5)
    readable_too, file = embeddings.read_vectors(db, names, "b")
    assert isinstance(file, VectorFile)
    assert readable.tolist() == readable_too.tolist() == [True] * 5 + [False] * 5 + [True]
    assert np.array_equal(vectors[:], file[:])


def test_novelty_of_a_file_is_that_of_the_array(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = with_copies(bunched(900), 1)
    labels = np.arange(900) % 7
    file = VectorFile.create(tmp_path, 900, DIMENSIONS)
    file.write(np.arange(900), vectors)
    whole = fit_novelty(vectors, labels)
    monkeypatch.setattr(novelty, "MAX_AT_ONCE", 200)
    monkeypatch.setattr(novelty, "MAX_NOVELTY_PHOTOS", 800)
    sampled = fit_novelty(file, labels)
    expected, measured = whole.score(vectors), sampled.score(file[:])
    assert np.corrcoef(expected, measured)[0, 1] > 0.95
    assert measured.mean() == pytest.approx(expected.mean(), rel=0.05)
    monkeypatch.setattr("critterdb.model.novelty.MAX_AT_ONCE", 100)
    monkeypatch.setattr("critterdb.model.novelty.MAX_READ", 130)
    for all_vectors in (vectors, file):
        parts = NoveltyParameters(**vars(whole)).score(all_vectors)
        assert parts == pytest.approx(expected, rel=1e-5)


def test_samples_are_the_same_each_time_and_small_sets_are_whole() -> None:
    assert sample(5, 10).tolist() == [0, 1, 2, 3, 4]
    assert sample(100, 10).tolist() == sample(100, 10).tolist()
    assert len(set(sample(100, 10).tolist())) == 10
    # A game of 20,000 photos and 100 labels has 3,000 photos in each.
    assert fitted_photos(100) > 3_000
    names = np.array([name_of(n * 7919 % 20_000) for n in range(20_000)], object)
    assert len(measured_photos(names[:3_000], 100)) == 3_000
    chosen = measured_photos(names, 10_000)
    assert len(chosen) == 10_000
    assert set(names[chosen]) == set(names[::-1][measured_photos(names[::-1], 10_000)])


# sketches


def test_sketches_are_stored_once_and_read_again(
    db: SiteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed(db, bunched(300))
    store_sketches(db, "b")
    monkeypatch.setattr("critterdb.dataset.sketch_store.Sketcher.sketch", None)
    sketches = Sketches("b")
    sketches.update(db)  # nothing is made
    assert len(sketches) == 300
    monkeypatch.undo()
    embed(db, bunched(20, seed=5), start=300)
    assert len(store_sketches(db, "b")) == 320
    assert [row["photos"] for row in db["sketches"].rows] == [320]
    again = Sketches("b")
    again.update(db)
    vector = bunched(20, seed=5)[7]
    assert name_of(307) in again.candidates(vector, 3)
    assert again.candidates(vector, 30) == store_sketches(db, "b").candidates(vector, 30)


def test_a_photo_that_leaves_takes_its_sketch_along(
    db: SiteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("critterdb.dataset.sketch_store.ROWS_PER_STEP", 64)
    monkeypatch.setattr("critterdb.dataset.sketch_store.PHOTOS_PER_ROW", 100)
    embed(db, bunched(300))
    store_sketches(db, "b")
    rows = db["sketches"].count
    db.execute("DELETE FROM embeddings WHERE sha256 = ?", [name_of(150)])
    assert db["sketches"].count == rows - 1
    sketches = store_sketches(db, "b")
    assert len(sketches) == 299
    assert name_of(150) not in sketches.candidates(bunched(300)[150], 299)
    assert sum(row["photos"] for row in db["sketches"].rows) == 299


def test_sketches_are_made_again_if_embeddings_moved(db: SiteDatabase) -> None:
    """VACUUM may give embeddings other rowids."""
    embed(db, bunched(30))
    store_sketches(db, "b")
    db.execute("DROP TRIGGER embeddings_resketched")
    db.execute("UPDATE embeddings SET rowid = 1000 - rowid")
    assert [block.is_stored for block in store_sketches(db, "b").blocks] == [False]
    assert [row["first"] for row in db["sketches"].rows] == [970]


@pytest.mark.parametrize("column", ["middle", "hashes", "signs"])
def test_odd_sketches_are_made_again(db: SiteDatabase, column: str) -> None:
    embed(db, bunched(30))
    store_sketches(db, "b")
    db.execute(f"UPDATE sketches SET {column} = x'0102'")
    sketches = Sketches("b")
    sketches.update(db)
    assert len(sketches) == 30
    assert name_of(7) in sketches.candidates(bunched(30)[7], 1)


def test_likeness_is_the_projections_times_the_signs() -> None:
    vectors = bunched(50)
    sketcher = Sketcher.around(vectors)
    sketches = sketcher.sketch(vectors)
    expected = sketcher.project(vectors[:1])[0] @ (2.0 * (sketcher.project(vectors) > 0) - 1).T
    assert sketcher.likeness(vectors[0], sketches) == pytest.approx(expected, rel=1e-4, abs=1e-3)


def test_more_photos_have_more_candidates(db: SiteDatabase) -> None:
    embed(db, bunched(500))
    assert len(store_sketches(db, "b").candidates(bunched(1)[0])) == 200
    numbers = [usual_candidates(photos) for photos in (20_000, 20_001, 200_000, 200_001)]
    assert numbers == [200, 500, 500, 1000]


def test_as_many_candidates_come_as_wanted_however_alike_photos_are(db: SiteDatabase) -> None:
    vectors = bunched(400)
    vectors[100:] = vectors[100]
    embed(db, vectors)
    sketches = store_sketches(db, "b")
    names = {name_of(number) for number in range(400)}
    for count in (1, 3, 50, 399, 400, 500):
        candidates = sketches.candidates(vectors[7], count)
        assert len(set(candidates)) == len(candidates) == min(count, 400)
        assert name_of(7) in candidates
        assert set(candidates) <= names


def test_projections_miss_fewer_of_the_nearest_than_signs(db: SiteDatabase) -> None:
    vectors = bunched()
    embed(db, vectors)
    sketches = store_sketches(db, "b")
    signs, unit = sketches.sketch(vectors), normalized(vectors)
    by_signs, by_projections = 0, 0
    for query in range(0, PHOTOS, 60):
        nearest = {name_of(other) for other in np.argsort(1 - unit @ unit[query])[:10]}
        apart = bits_apart(signs[query : query + 1], signs.T)[0]
        by_signs += len(nearest - {name_of(other) for other in np.argsort(apart)[:50]})
        by_projections += len(nearest - set(sketches.candidates(vectors[query], 50)))
    assert by_signs > 10
    assert by_projections < by_signs / 2


# labels


def many_labels(count: int) -> list[Label]:
    return [
        {"taxon_id": 100 + n, "name": f"Species {n}", "common_name": None, "rank": "species"}
        for n in range(count)
    ]


@pytest.mark.parametrize("labels", [MAX_STORED, MAX_STORED + 30])
def test_a_row_keeps_the_likeliest_labels_and_the_rest_as_one_number(labels: int) -> None:
    probabilities = np.arange(labels) + 1.0
    probabilities /= probabilities.sum()
    thresholds = {"threshold": 0.9, "novelty_threshold": 2.0, "temperature": 1.0}
    decided = decide(probabilities, 1.0, many_labels(labels), thresholds)  # type: ignore[arg-type]
    assert len(decided.predictions) == labels
    stored = json.loads(decided.as_row()["scores"])
    assert len(stored) == min(labels, MAX_STORED) + (labels > MAX_STORED)
    assert (REST in stored) == (labels > MAX_STORED)
    assert sum(stored.values()) == pytest.approx(1, abs=0.005)
    assert str(100 + labels - 1) in stored
