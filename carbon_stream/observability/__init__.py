"""What the service says about itself: metrics and logs. It watches; nothing here decides anything."""
