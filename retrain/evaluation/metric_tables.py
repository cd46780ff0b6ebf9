"""Tables of figures by metric and cutoff, as metrics and the bootstrap make them and reports hold them.

Callers: the modules of metrics, the report, the page.
"""

AtK = dict[str, float]
"""A figure at each cutoff: `{"5": 0.41, "20": 0.71}`."""
MetricTable = dict[str, AtK]
"""`{"recall": AtK, "mrr": AtK, "ndcg": AtK}`."""
Interval = tuple[float, float]
"""Lower and upper bound."""
IntervalTable = dict[str, dict[str, Interval]]
"""Beside a `MetricTable`: `{"recall": {"20": [0.70, 0.71]}}`."""
