"""Read replicas: the changelogs materialised in any process that answers queries."""
