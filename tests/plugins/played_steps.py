"""The steps for tests that run the tasks of the DAG without Spark: step 1 and step 2 in a few lines of numpy.

The verification steps are the real ones, which start no Spark session for few rows. They compute no features again,
because the photos of these tests are none.

They read and write the files of the contract as the real steps do. A photo's features are drawn at random from its
content and the decoding. Content that begins with `bad` is rejected: `bad: access denied` with that kind, other words
as not an image.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy
import pyarrow
import pyarrow.parquet

from verger.changes.plan import Plan
from verger.context import RunContext
from verger_contract.keys import ATTEMPT, ATTEMPT_MARK, name_of
from verger_contract.metrics import FILE_LIST, ListedFile, list_document
from verger_contract.plan import BasisPolicy, BasisRequest, StepPlan
from verger_contract.preprocessing import Decoding, preprocessing
from verger_contract.reasons import RejectKind, reason
from verger_contract.schemas import DELETES, FEATURES, FEATURES_WIDTH, LABEL_SUMS, PCA, REJECTS, Table
from verger_contract.verification.verdict import VERIFY_FEATURES
from verger_spark.io.feature_files import deleted_paths
from verger_verify import basis
from verger_verify.tables.reader import removed_paths
from verify import parse, write_verdict


def vector(content: bytes, decoding: Decoding = Decoding.EXACT) -> numpy.ndarray:
    """Return 1,280 float32 numbers that depend only on the content and the decoding."""
    seed = int.from_bytes(hashlib.blake2b(content, digest_size=8, person=decoding.encode()).digest())
    return numpy.random.default_rng(seed).normal(size=FEATURES_WIDTH).astype(numpy.float32)


def featurize(run_context: RunContext, made: Plan) -> None:
    """Play step 1: write features and rejects of the photos of work.parquet, with the decoding of the plan."""
    client, run, decoding = run_context.client, run_context.run, Decoding(made.decoding)
    features, rejects = [], []
    for path, etag in run_context.store.versions(run.work):
        try:
            answer = client.get_object(Bucket=run.bucket, Key=path)
        except client.exceptions.NoSuchKey:
            rejects.append(_reject(path, etag, RejectKind.DELETED))
            continue
        content = answer["Body"].read()
        if answer["ETag"].strip('"') != etag:
            rejects.append(_reject(path, etag, RejectKind.CHANGED, "etag was another"))
        elif content.startswith(b"bad"):
            rejects.append(_reject(path, etag, *_kind(content.decode())))
        else:
            label = path.split("/")[-2]
            features.append({"path": path, "label": label, "etag": etag, "features": vector(content, decoding)})
    _put(run_context, f"{run.features}part-0.parquet", features, FEATURES)
    _put(run_context, f"{run.rejects}part-0.parquet", rejects, REJECTS)
    _put_progress(run_context, "featurize", len(features) + len(rejects))
    counts = {"photos": len(features) + len(rejects), "featurized": len(features), "rejects": {}}
    outputs = {"features": run.uri(run.features), "rejects": run.uri(run.rejects)}
    metrics = {
        **counts,
        "model_sha256": made.model_sha256,
        "preprocessing": preprocessing(decoding),
        "outputs": outputs,
    }
    run_context.write_json(run.metrics("featurize"), metrics)


def pca(run_context: RunContext, target: float) -> None:
    """Play step 2: compact feature runs, keep or fit a basis, and write projections, as plan.json demands."""
    run = run_context.run
    plan = StepPlan.parse(run_context.read_json(run.plan))
    deletes = {
        row for key in (run.deletes, run.compacted_deletes) for row in run_context.store.rows(key, DELETES.names)
    }
    if plan.into:
        rows = [row for uri in plan.compact for row in _current_rows(run_context, uri, deletes, plan.lost)]
        into = plan.into.removeprefix(f"s3://{run.bucket}/").replace(f"{ATTEMPT_MARK}{ATTEMPT}", "")
        _put(run_context, f"{into}part-0.parquet", rows, FEATURES)
        plan = replace(plan, into=f"s3://{run.bucket}/{into}")
    by_run = {name_of(uri): [*_current_rows(run_context, uri, deletes, plan.lost)] for uri in plan.runs}
    rows = [row for of_run in by_run.values() for row in of_run]
    if len(rows) < 2 and plan.basis.policy is not BasisPolicy.REUSE:
        raise RuntimeError("PCA needs at least two photos with features")
    matrix = numpy.array([row["features"] for row in rows], numpy.float64).reshape(-1, FEATURES_WIDTH)
    components, action = _basis(run_context, plan.basis, matrix, target)
    is_full = action == "refitted" or plan.statistics is None
    _put(
        run_context,
        f"{run.pca}part-0.parquet",
        _projected(plan.runs if is_full else plan.projected, by_run, components),
        PCA,
    )
    _put_statistics(run_context, _projected(plan.runs, by_run, components))
    _put_progress(run_context, "pca", len(rows))
    centred = matrix - matrix.mean(axis=0)
    shares = ((centred @ components) ** 2).sum(axis=0) / ((centred**2).sum() or 1)
    metrics = {
        "basis": {"action": action, "reason": "of a test"},
        "explained_variance_ratio": shares.tolist(),
        "outputs": {
            "pca": run.uri(run.pca),
            **({"basis": run.uri(run.basis)} if action == "refitted" else {}),
            **({"compacted": plan.into} if plan.into else {}),
        },
    }
    run_context.write_json(run.metrics("pca"), metrics)


def verify(run_context: RunContext, step: str, target: float = 0.9) -> None:
    """Run a verification step in this process. Its caches are emptied, because on a cluster each step is a process."""
    removed_paths.cache_clear()
    deleted_paths.cache_clear()
    run = run_context.run
    arguments = parse(
        [
            *("--table", "features" if step == VERIFY_FEATURES else "pca"),
            *("--plan", run.uri(run.plan), "--work", run.uri(run.work)),
            *("--featurize-metrics", run.uri(run.metrics("featurize")), "--pca-metrics", run.uri(run.metrics("pca"))),
            *("--images", f"s3://{run.bucket}", "--model", "", "--recomputed", "0", "--target-variance", str(target)),
            *("--neighbour-sample", "100", "--verdict", run.uri(run.metrics(step))),
            *("--suspects", run.uri(run.suspects)),
        ]
    )
    write_verdict(arguments)


def _projected(
    uris: Iterable[str], by_run: dict[str, list[dict[str, Any]]], components: numpy.ndarray
) -> list[dict[str, Any]]:
    return [
        {
            "path": row["path"],
            "label": row["label"],
            "features_run": name_of(uri),
            "pca_features": numpy.array(row["features"], numpy.float64) @ components,
        }
        for uri in uris
        for row in by_run[name_of(uri)]
    ]


def _put_statistics(run_context: RunContext, projected: list[dict[str, Any]]) -> None:
    by_label: dict[str, list[Any]] = {}
    for row in projected:
        by_label.setdefault(row["label"], []).append(row["pca_features"])
    sums = [
        {
            "label": label,
            "photos": len(rows),
            "total": numpy.sum(rows, axis=0),
            "squares": float(numpy.square(rows).sum()),
        }
        for label, rows in sorted(by_label.items())
    ]
    run = run_context.run
    run_context.client.put_object(Bucket=run.bucket, Key=f"{run.statistics}moments.bin", Body=_moments(len(projected)))
    _put_table(run_context, f"{run.statistics}labels.parquet", pyarrow.Table.from_pylist(sums, schema=LABEL_SUMS.arrow))


def _moments(photos: int) -> bytes:
    """Return moments of features of width 1, in the format of step 2."""
    return numpy.array([photos, 1], numpy.int64).tobytes() + numpy.zeros(2).tobytes()


def _basis(
    run_context: RunContext, request: BasisRequest, matrix: numpy.ndarray, target: float
) -> tuple[numpy.ndarray, str]:
    centred = matrix - matrix.mean(axis=0)
    if request.candidate:
        kept = _read_basis(request.candidate)
        share = ((centred @ kept) ** 2).sum() / ((centred**2).sum() or 1)
        if request.policy is BasisPolicy.REUSE or share >= target - request.tolerance:
            return kept, "kept"
    if not centred.any():
        raise RuntimeError("all photos have equal features: there is no variance to explain")
    _, values, vectors = numpy.linalg.svd(centred, full_matrices=False)
    shares = values**2 / (values**2).sum()
    k = int(numpy.searchsorted(shares.cumsum(), target - 1e-12)) + 1
    components = vectors[:k].T
    _write_basis(run_context, components, shares[:k])
    run_context.write_json(
        f"{run_context.run.basis}spectrum.json", {"k": k, "explained_variance_ratio": shares.tolist()}
    )
    return components, "refitted"


def _read_basis(uri: str) -> numpy.ndarray:
    return basis.read(uri).components


def _write_basis(run_context: RunContext, components: numpy.ndarray, shares: numpy.ndarray) -> None:
    rows, columns = components.shape
    matrix = {"type": 1, "numRows": rows, "numCols": columns, "values": components.T.ravel().tolist()}
    row = {"pc": {**matrix, "isTransposed": False}, "explainedVariance": {"type": 1, "values": shares.tolist()}}
    _put_table(run_context, f"{run_context.run.basis}data/part-0.parquet", pyarrow.Table.from_pylist([row]))


def _current_rows(
    run_context: RunContext, uri: str, deletes: set[tuple[Any, ...]], lost: Collection[str]
) -> Iterator[dict[str, Any]]:
    key = f"{uri.rstrip('/')}/".removeprefix(f"s3://{run_context.run.bucket}/")
    run = key.rstrip("/").split("run=")[1]
    for file in sorted(run_context.store.sizes(key)):
        if run_context.run.uri(file) in lost:
            continue
        for batch in run_context.store.batches(file, FEATURES.names):
            yield from (row for row in batch.to_pylist() if (row["path"], run) not in deletes)


def _kind(content: str) -> tuple[RejectKind, str]:
    """Kind and detail of content such as `bad: access denied`."""
    words = content.removeprefix("bad: ")
    return (RejectKind(words), "") if words in {*RejectKind} else (RejectKind.NOT_AN_IMAGE, content)


def _reject(path: str, etag: str, kind: RejectKind, detail: str = "") -> dict[str, str]:
    return {"path": path, "etag": etag, "kind": kind.value, "reason": reason(kind, detail)}


def _put(run_context: RunContext, key: str, rows: list[dict[str, Any]], table: Table) -> None:
    body = _put_table(run_context, key, pyarrow.Table.from_pylist(rows, schema=table.arrow))
    folder, _, name = key.rpartition("/")
    etag = run_context.client.head_object(Bucket=run_context.run.bucket, Key=key)["ETag"].strip('"')
    file = ListedFile(name, len(rows), len(body), hashlib.sha256(body).hexdigest(), etag)
    run_context.write_json(f"{folder}/{FILE_LIST}", list_document([file]))


def _put_table(run_context: RunContext, key: str, table: pyarrow.Table) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer)
    run_context.client.put_object(Bucket=run_context.run.bucket, Key=key, Body=buffer.getvalue())
    return buffer.getvalue()


def _put_progress(run_context: RunContext, step: str, photos: int) -> None:
    moment = "2026-11-24T02:10:00+00:00"
    progress = {"step": step, "application": "application_1_1", "done": photos, "total": photos}
    run_context.write_json(run_context.run.progress, {**progress, "started_at": moment, "updated_at": moment})
