"""Concurrent requests: joined, limited, and independent of each other."""

import asyncio
import re

import numpy as np
import pytest

pytest.importorskip("fastapi")

URL = "/v2/models/toy/infer"


def metric(text, name):
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)[1])


def test_requests_are_joined_and_each_gets_its_own_rows(
    make_app, open_app, request_of, asynchronously
):
    async def one(client, seed):
        random = np.random.default_rng(seed)
        rows = int(random.integers(1, 9))
        features, ids = random.integers(-99, 99, (rows, 3)), random.integers(-99, 99, rows)
        response = await client.post(URL, json=request_of(features, ids, id=str(seed)))
        answer = response.json()
        assert answer["id"] == str(seed)
        sums, doubles = answer["outputs"]
        assert sums["data"] == (features.sum(axis=1) + ids).tolist()
        assert doubles["data"] == (2 * ids).tolist()
        return rows

    async def run():
        async with open_app(make_app(max_delay_ms=20)) as client:
            rows = await asyncio.gather(*(one(client, seed) for seed in range(100)))
            return rows, (await client.get("/metrics")).text

    rows, metrics = asynchronously(run())
    assert metric(metrics, "paddlemtl_rows_total") == sum(rows)
    assert metric(metrics, "paddlemtl_batch_rows_count") <= len(rows)


async def until_queued(client, length):
    """Waits until that many requests wait for the model."""
    while metric((await client.get("/metrics")).text, "paddlemtl_queue_length") != length:
        await asyncio.sleep(0)


def test_requests_that_wait_while_the_model_runs_are_joined(
    gate, make_app, open_app, request_of, asynchronously
):
    async def run():
        async with open_app(make_app(gate=gate)) as client:
            gate.shut()
            bodies = [request_of([[n, n, n]], [n]) for n in range(5)]
            first = asyncio.ensure_future(client.post(URL, json=bodies[0]))
            await gate.reached()
            others = [asyncio.ensure_future(client.post(URL, json=body)) for body in bodies[1:]]
            await until_queued(client, 4)
            # The event loop is free all the time.
            assert (await client.get("/v2/health/ready")).status_code == 200
            gate.open()
            answers = [(await future).json()["outputs"][0]["data"] for future in (first, *others)]
            return answers, (await client.get("/metrics")).text

    answers, metrics = asynchronously(run())
    assert answers == [[4 * n] for n in range(5)]
    assert metric(metrics, "paddlemtl_batch_rows_count") == 2
    assert metric(metrics, "paddlemtl_queue_length") == 0


def test_requests_above_max_pending_get_503(gate, make_app, open_app, request_of, asynchronously):
    body = request_of([[1, 2, 3]], [4])

    async def run():
        async with open_app(make_app(gate=gate, max_pending=2)) as client:
            gate.shut()
            accepted = [asyncio.ensure_future(client.post(URL, json=body))]
            await gate.reached()
            accepted.append(asyncio.ensure_future(client.post(URL, json=body)))
            await until_queued(client, 1)
            refused = await client.post(URL, json=body)
            gate.open()
            codes = [(await future).status_code for future in accepted]
            again = await client.post(URL, json=body)
            return refused, [*codes, again.status_code]

    refused, codes = asynchronously(run())
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert refused.json() == {"error": "the server is busy: try again"}
    assert codes == [200, 200, 200]


def test_a_cancelled_request_does_not_disturb_others(
    gate, make_app, open_app, request_of, asynchronously
):
    body = request_of([[1, 2, 3]], [4])

    async def run():
        async with open_app(make_app(gate=gate, max_pending=3)) as client:
            gate.shut()
            futures = [asyncio.ensure_future(client.post(URL, json=body))]
            await gate.reached()
            futures += [asyncio.ensure_future(client.post(URL, json=body)) for _ in range(2)]
            await until_queued(client, 2)
            futures[0].cancel()
            futures[1].cancel()
            gate.open()
            codes = [(await futures[2]).status_code]
            # Nor does it count as pending any more.
            codes += [
                r.status_code
                for r in await asyncio.gather(*(client.post(URL, json=body) for _ in range(3)))
            ]
            return codes

    assert asynchronously(run()) == [200] * 4


@pytest.mark.parametrize("poison", [-1, 0])
def test_only_the_request_that_the_model_fails_on_gets_500(
    gate, make_app, open_app, request_of, asynchronously, poison
):
    def run_model(arrays):
        features, ids = arrays
        if len(ids) > 2 and (ids == poison).any():  # not when it is warmed up
            raise RuntimeError("poison")
        if len(ids) == 1 and ids[0] == poison and features.any():
            raise RuntimeError("poison")
        return [features[:, :1], ids]

    async def run():
        async with open_app(make_app(run_model, gate=gate)) as client:
            gate.shut()
            bodies = [request_of([[1, 1, 1]], [n]) for n in (5, 6, poison, 7)]
            first = asyncio.ensure_future(client.post(URL, json=bodies[0]))
            await gate.reached()
            others = [asyncio.ensure_future(client.post(URL, json=body)) for body in bodies[1:]]
            await until_queued(client, 3)
            gate.open()
            return [(await future).status_code for future in (first, *others)]

    assert asynchronously(run()) == [200, 200, 500, 200]
