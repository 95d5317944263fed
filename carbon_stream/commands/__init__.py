"""The commands of `carbon-stream`, a file for each kind. Importing one loads click and nothing else of weight."""
