"""/metrics is in Prometheus's text format, with labels from fixed sets."""

import numpy as np
import pytest

parser = pytest.importorskip("prometheus_client.parser")

URL = "/v2/models/toy/infer"


@pytest.fixture
def samples(client):
    """Reads the metrics: values by name and labels."""

    def read():
        response = client.get("/metrics")
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/plain; version=")
        return {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in parser.text_string_to_metric_families(response.text)
            for sample in family.samples
        }

    return read


def requests(endpoint, code):
    return ("paddlemtl_requests_total", ("code", code), ("endpoint", endpoint))


def test_an_idle_server(samples):
    found = samples()
    assert found["paddlemtl_rows_total",] == 0
    assert found["paddlemtl_queue_length",] == 0
    labels = {"engine": "paddle", "model": "toy", "version": "1"}
    assert found[("paddlemtl_model_info", *labels.items())] == 1
    assert not [key for key in found if key[0] == "paddlemtl_requests_total"]
    assert samples()[requests("metrics", "200")] == 1


def test_requests_rows_and_times(client, samples, request_of):
    for rows in (1, 3, 3, 20):
        body = request_of(np.zeros((rows, 3)), np.zeros(rows))
        assert client.post(URL, json=body).status_code == 200
    client.post(URL, content="{")
    client.post(URL, content=" " * 200_000)
    found = samples()
    assert found[requests("infer", "200")] == 4
    assert found[requests("infer", "400")] == 1
    assert found[requests("infer", "413")] == 1
    assert found["paddlemtl_rows_total",] == 27
    for name, count in (("batch_rows", 4), ("inference_seconds", 4), ("request_seconds", 4)):
        assert found[f"paddlemtl_{name}_count",] == count
        assert found[f"paddlemtl_{name}_bucket", ("le", "+Inf")] == count
        assert found[f"paddlemtl_{name}_sum",] > 0
    buckets = [
        found["paddlemtl_batch_rows_bucket", ("le", le)] for le in ("1.0", "2.0", "4.0", "32.0")
    ]
    assert buckets == [1, 1, 3, 4]
    assert ("paddlemtl_request_seconds_bucket", ("le", "0.0005")) in found


def test_client_names_do_not_become_labels(client, samples):
    for n in range(50):
        client.get(f"/{n}")
        client.get(f"/v2/models/{n}")
        client.get(f"/v2/models/toy/versions/{n}0")
        client.request(f"VERB{n}", "/v2")
    found = [key for key in samples() if key[0] == "paddlemtl_requests_total"]
    assert sorted(found) == [
        requests("model", "404"),
        requests("none", "404"),
        requests("server", "405"),
    ]


def test_each_application_counts_for_itself(client_of):
    one, two = client_of(), client_of()
    one.get("/v2")
    assert 'endpoint="server"' in one.get("/metrics").text
    assert 'endpoint="server"' not in two.get("/metrics").text


def test_an_internal_error_is_counted(client, samples, request_of, monkeypatch):
    from engine.serving import app

    monkeypatch.setattr(app, "encode", None)
    assert client.post(URL, json=request_of([[1, 2, 3]], [1])).status_code == 500
    assert samples()[requests("infer", "500")] == 1
