"""A believable day at the platform, played at a chosen rate: what to look at when there are no real events yet."""
