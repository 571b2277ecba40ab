"""Where this package meets others: each module is for one third-party package, and has an extra for it.

- opentelemetry.py: traces, `pip install 'walee-async[otel]'`
- prometheus.py: metrics, `pip install 'walee-async[prometheus]'`
- redis: a gate and a budget that processes share, `pip install 'walee-async[redis]'`
"""
