"""HTTP reads over the views."""
