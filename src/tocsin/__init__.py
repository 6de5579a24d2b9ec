"""Tocsin: incident response that runs your procedures."""

__version__ = "0.1.0"
