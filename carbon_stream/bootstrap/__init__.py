"""Sets up what the service stands on. Every part has a plan, which is pure and shown first, and an apply."""
