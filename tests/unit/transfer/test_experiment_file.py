"""An experiment that ran elsewhere comes in whole or not at all."""

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evensplit.errors import Conflict, Invalid, UnknownExperiment
from evensplit.model.metric import Recorded
from evensplit.storage import parquet
from evensplit.storage.catalog import Catalog
from evensplit.storage.embedded.store import EmbeddedStore
from evensplit.transfer import experiment_file, files
from evensplit.transfer.experiment_file import Loaded, Plan, Stores
from evensplit.transfer.fields import Options

PLAN = Plan(name="old", user="who", variant="group", metrics=("bought", "spent"))
TABLE = """who,group,bought,spent,day
1,treatment,True,12.5,2026-01-02T00:00:00Z
2,control,False,0,2026-01-03T00:00:00Z
3,control,True,,2026-01-04T00:00:00Z
"""
ROWS = [
    {"who": 1, "group": "treatment", "bought": True, "spent": 12.5, "day": "2026-01-02T00:00:00Z"},
    {"who": 2, "group": "control", "bought": False, "spent": 0, "day": "2026-01-03T00:00:00Z"},
    {"who": 3, "group": "control", "bought": True, "spent": None, "day": "2026-01-04T00:00:00Z"},
]
VALUES = """
    SELECT s.user_id, v.variant_name, a.assigned_at = m.created_at, m.metric_name, m.value
    FROM ab_metrics m JOIN es_metric_users s ON s.metric_id = m.id JOIN ab_variants v ON v.id = m.variant_id
    JOIN ab_assignments a ON a.user_id = s.user_id AND a.variant_id = m.variant_id ORDER BY 1, 4
"""
WANTED = [
    ("1", "treatment", 1, "bought", 1.0),
    ("1", "treatment", 1, "spent", 12.5),
    ("2", "control", 1, "bought", 0.0),
    ("2", "control", 1, "spent", 0.0),
    ("3", "control", 1, "bought", 1.0),
]


def write(path: Path) -> Path:
    if path.name.endswith((".ndjson", ".parquet")):
        lines = path.with_suffix(".ndjson")
        lines.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in ROWS))
        if path.suffix == ".parquet":
            types = {"who": "BIGINT", "group": "VARCHAR", "bought": "BOOLEAN", "spent": "DOUBLE", "day": "VARCHAR"}
            parquet.write(lines, types, path)
    elif path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(TABLE.encode()))
    else:
        path.write_text(TABLE)
    return path


async def load(store: EmbeddedStore, path: Path, plan: Plan = PLAN) -> Loaded:
    stores = Stores(Catalog(store), store, store)
    return await experiment_file.load(files.source(path), plan, Options(), stores, lambda *_: None)


@pytest.mark.parametrize("name", ["old.csv", "old.ndjson", "old.parquet", "old.csv.gz"])
def test_assignments_and_values(place: Any, tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)

    async def run(store: EmbeddedStore) -> None:
        loaded = await load(store, path)
        assert (loaded.users, loaded.values, loaded.shown) == (Counter(control=2, treatment=1), 5, [])
        assert store.read((VALUES, [])) == WANTED
        experiment = Catalog(store).experiment("old")
        assert [variant.name for variant in experiment.variants] == ["control", "treatment"]
        assert (experiment.control, experiment.status, experiment.origin) == ("control", "stopped", "loaded")
        assert experiment.method == "fixed"
        shapes = {metric.name: metric.shape for metric in experiment.metrics if isinstance(metric, Recorded)}
        assert shapes == {"bought": "proportion", "spent": None}

    place.use(run)


def test_a_user_is_assigned_at_their_earliest_time(place: Any, tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_text(TABLE + "1,treatment,False,3,2026-01-01T00:00:00Z\n")

    async def run(store: EmbeddedStore) -> None:
        loaded = await load(store, path, msgspec.structs.replace(PLAN, time="day", running=True))
        assert loaded.users == Counter(control=2, treatment=1)
        found = store.read(("SELECT user_id, assigned_at FROM ab_assignments ORDER BY 1", []))
        assert found[0] == ("1", "2026-01-01 00:00:00.000")
        times = store.read(("SELECT created_at FROM ab_metrics WHERE metric_name = 'bought' ORDER BY 1", []))
        assert [at for (at,) in times] == [f"2026-01-0{day} 00:00:00.000" for day in (1, 2, 3, 4)]
        assert Catalog(store).experiment("old").status == "running"

    place.use(run)


def test_rows_that_cannot_be_used_are_told(place: Any, tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_text(TABLE + ",control,True,1,x\n4,,True,1,x\n5,control,maybe,1,x\n1,control,True,1,x\n6,control\n")

    async def run(store: EmbeddedStore) -> None:
        loaded = await load(store, path)
        assert loaded.users == Counter(control=2, treatment=1)
        assert [(fault.line, fault.reason) for fault in loaded.shown] == [
            (9, "invalid_row"),
            (5, "invalid_user_id"),
            (6, "unknown_variant"),
            (7, "invalid_number"),
            (8, "other_variant"),
        ]
        assert store.read((VALUES, [])) == WANTED

    place.use(run)


def test_what_does_not_fit_leaves_nothing(place: Any, tmp_path: Path) -> None:
    path = tmp_path / "old.csv"
    path.write_text(TABLE + "".join(f"{n},control,True,1,x\n" for n in range(100, 250)))
    wrong: dict[str, dict[str, Any]] = {
        "no column 'name'": {"user": "name"},
        "no column 'gone'": {"metrics": ("bought", "gone")},
        "no variant 'blue'": {"control": "blue"},
        "no variant 'red'": {"weights": {"red": 2.0}},
        "more than 100 different values": {"variant": "who", "metrics": ()},
    }

    async def run(store: EmbeddedStore) -> None:
        for said, change in wrong.items():
            with pytest.raises(Invalid, match=said):
                await load(store, path, msgspec.structs.replace(PLAN, **change))
        assert store.read(("SELECT count(*) FROM ab_tests", [])) == [(0,)]

    place.use(run)


def test_a_taken_name_is_a_conflict_and_harms_nothing(place: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "old.csv")

    async def run(store: EmbeddedStore) -> None:
        await load(store, path)
        with pytest.raises(Conflict, match="old"):
            await load(store, path)
        assert store.read((VALUES, [])) == WANTED

    place.use(run)


def test_loading_that_breaks_off_takes_the_experiment_out_again(place: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "old.csv")

    class Broken(RuntimeError):
        pass

    def progress(done: int, total: int) -> None:
        raise Broken

    async def run(store: EmbeddedStore) -> None:
        stores = Stores(Catalog(store), store, store)
        with pytest.raises(Broken):
            await experiment_file.load(files.source(path), PLAN, Options(), stores, progress)
        with pytest.raises(UnknownExperiment):
            Catalog(store).experiment("old")
        assert store.read(("SELECT count(*) FROM ab_metrics", [])) == [(0,)]

    place.use(run)


def test_texts_that_cannot_be_stored_are_told(place: Any, tmp_path: Path) -> None:
    lines, table = tmp_path / "old.ndjson", tmp_path / "odd.csv"
    odd = [
        '{"who":"\\ud800","group":"a"}',
        '{"who":"x","group":"a","day":"\\ud800"}',
        '{"who":"y","group":"b","day":5}',
    ]
    lines.write_text("\n".join(odd))
    table.write_bytes(b"who,group,day\n\xff,a,5\nx,\xff,5\ny,a,\xff\nz,b,5\nv,a,5\n")

    async def run(store: EmbeddedStore) -> None:
        plan = msgspec.structs.replace(PLAN, metrics=(), time="day")
        with pytest.raises(Invalid, match="at least|2 to"):
            await load(store, lines, plan)  # one variant is left
        loaded = await load(store, table, plan)
        assert loaded.users == Counter(a=1, b=1)
        reasons = [fault.reason for fault in loaded.shown]
        assert reasons == ["invalid_user_id", "unknown_variant", "invalid_timestamp"]

    place.use(run)


def test_weights_are_those_that_were_intended(place: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "old.csv")

    async def run(store: EmbeddedStore) -> None:
        await load(store, path, msgspec.structs.replace(PLAN, weights={"control": 2.0}, control="treatment"))
        experiment = Catalog(store).experiment("old")
        assert [(variant.name, variant.weight) for variant in experiment.variants] == [("control", 2), ("treatment", 1)]
        assert experiment.control == "treatment"

    place.use(run)
