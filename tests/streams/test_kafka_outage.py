"""A Kafka that stops answering: the worker says so, waits, and goes on; nothing is lost."""

import re
from collections import Counter
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

from streams.dev.child_processes import ChildProcesses
from streams.dev.embedded_kafka import EmbeddedKafka
from tests.services.kafka_broker import of_embedded
from tests.streams.worker_stage import make_stage

SESSIONS = [f"shopper-{number}" for number in range(40)]


def test_kafka_that_stops_answering_turns_readiness_red_and_loses_nothing(
    redis_url: str, children: ChildProcesses, prefix: str, tmp_path: Path
) -> None:
    with EmbeddedKafka() as broker:
        kafka = of_embedded(broker)
        stage = make_stage(kafka, redis_url, prefix, children, tmp_path / "releases")
        stage.publish("r1")
        worker = stage.start_worker()
        traffic, lists = stage.traffic(), stage.lists()
        traffic.clicks(SESSIONS, each=3)
        lists.read_all(traffic.answers().keys())
        broker._process.send_signal(SIGSTOP)
        worker.wait_for(lambda: "kafka brokers" in worker.troubles(), "not ready")
        broker._process.send_signal(SIGCONT)
        worker.wait_until_ready()
        traffic.clicks(SESSIONS, each=3)
        lists.read_all(traffic.answers().keys())
        assert lists.wrong(traffic.answers()) == {}
        worker.wait_for(lambda: stage.watermarks() == traffic.ends(), "done with saving")
        stage.assert_states_follow(traffic)
        lists.close()
        assert worker.stop() == 0


def test_kafka_that_is_gone_is_said_once_and_its_client_repeats_nothing(
    redis_url: str, children: ChildProcesses, prefix: str, tmp_path: Path
) -> None:
    with EmbeddedKafka() as broker:
        kafka = of_embedded(broker)
        stage = make_stage(kafka, redis_url, prefix, children, tmp_path / "releases")
        stage.publish("r1")
        worker = stage.start_worker()
        broker._process.send_signal(SIGKILL)
        worker.wait_for(lambda: "kafka brokers" in worker.troubles(), "not ready")
        lines = worker.child.log_tail(1000).splitlines()
        assert len([line for line in lines if "not ready" in line and "kafka brokers" in line]) == 1
        kinds = Counter(
            re.sub(r"\d+", "N", line.split("[error", 1)[1])
            for line in lines
            if "[aiokafka" in line and "[error" in line
        )
        assert "Unable to update metadata" in " ".join(kinds)
        assert len(kinds) == kinds.total(), kinds
