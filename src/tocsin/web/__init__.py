"""The web room: REST API, ingest doors, pages, live updates and health, in one ASGI application (see app.py)."""
