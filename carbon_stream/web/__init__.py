"""The HTTP side put together: problem documents, status, the catalog, dead letters and the application itself."""
