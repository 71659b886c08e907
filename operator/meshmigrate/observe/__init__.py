"""Metrics, logging and the HTTP server that shows them."""
