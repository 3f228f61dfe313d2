from __future__ import annotations

from pathlib import Path

import pytest
from pymilvus import MilvusClient

from atom.local.errors import ComponentDidNotStart
from atom.local.milvus import Milvus
from atom.local.ports import Ports


def test_vectors_survive_kill_9(home: Path, ports: Ports) -> None:
    server = Milvus(home, ports)
    server.start()
    client = MilvusClient(server.url)
    client.create_collection("runs", dimension=4)
    client.insert("runs", [{"id": n, "vector": [float(n), 1.0, 0.0, 0.0]} for n in range(10)])
    client.flush("runs")
    client.close()
    server.server.kill()
    again = Milvus(home, Ports(home))
    again.start()
    client = MilvusClient(again.url)
    client.load_collection("runs")
    assert client.get_collection_stats("runs")["row_count"] == 10
    found = client.search("runs", [[9.0, 1.0, 0.0, 0.0]], limit=1, search_params={"metric_type": "COSINE"})
    assert found[0][0]["id"] == 9
    client.close()
    again.stop()


def test_two_servers_never_share_a_data_folder(milvus: Milvus, servers_home: Path, ports: Ports) -> None:
    second = Milvus(servers_home, ports)
    second.server._pid_file = servers_home / "run" / "second.pid"  # else it would rightly end the first
    with pytest.raises(ComponentDidNotStart):
        second.start()
    assert milvus.version().startswith("Milvus Lite 3")
