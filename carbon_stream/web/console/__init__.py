"""The console: pages for people, as files that a browser runs as they are."""
