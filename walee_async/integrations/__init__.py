"""Where this package meets others: each room is for one third-party package, and has an extra for it.

- dask: lists on the workers of a cluster, `pip install 'walee-async[dask]'`
- opentelemetry.py: traces, `pip install 'walee-async[otel]'`
- prometheus.py: metrics, `pip install 'walee-async[prometheus]'`
- redis: a gate and a budget that processes share, `pip install 'walee-async[redis]'`

`shared` is what those have in common that let processes share a gate and a budget.
"""
