"""A Kafka-native event router and audit service for a data platform."""
