"""Prometheus and Alertmanager beside the cluster, for the demo and the tests."""
