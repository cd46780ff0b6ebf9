"""How a worker that cannot go on ends: with one line, and exit code 2."""

from tests.streams.worker_stage import DEADLINE_S, RunningWorker

LINES = 400


def refusal_of(worker: RunningWorker) -> str:
    """The one line of a worker that ends by itself."""
    assert worker.child.wait(DEADLINE_S) == 2, worker.child.log_tail()
    lines = worker.child.log_tail(LINES).splitlines()
    assert "Traceback" not in "".join(lines)
    (line,) = [line for line in lines if line.startswith("millrace: ")]
    assert line == lines[-1]
    return line
