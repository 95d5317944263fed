"""What is measured: each module has `async def run(options, say) -> Part`."""
