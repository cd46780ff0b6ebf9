"""How many predictions the gate's comparison needs: the table of docs/gate.md.

    PYTHONPATH=. python benchmarks/gate_power.py

By the normal approximation (`retrain.gate.paired_loss.needed_predictions`), which a simulation holds against
the bootstrap in tests/retrain/gate/test_paired_loss.py.
"""

from retrain.gate.paired_loss import needed_predictions

DEVIATIONS = (0.13, 0.2, 0.3, 0.4)
LOSSES = (0.005, 0.01, 0.02, 0.05)
CONFIDENCES = (0.9, 0.95, 0.99)


def main() -> None:
    """Print the table, as Markdown."""
    print("| deviation | confidence |", " | ".join(f"x = {loss:g}" for loss in LOSSES), "|")
    print("|---" * (2 + len(LOSSES)) + "|")
    for deviation in DEVIATIONS:
        for confidence in CONFIDENCES:
            needed = [f"{needed_predictions(deviation, loss, confidence):,}" for loss in LOSSES]
            print(f"| {deviation:g} | {confidence:g} |", " | ".join(needed), "|")


if __name__ == "__main__":
    main()
