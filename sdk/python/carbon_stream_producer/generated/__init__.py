"""Made from the exported contract by `python -m sdk.generator`: do not edit."""
