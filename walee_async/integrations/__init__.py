"""Hooks that tell other systems what happens: each module is for one third-party package, and has an extra for it.

- opentelemetry.py: traces, `pip install 'walee-async[otel]'`
- prometheus.py: metrics, `pip install 'walee-async[prometheus]'`
"""
