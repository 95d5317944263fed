"""Who is it, and what may they do: keys, tokens, the gateway's word, the mesh's word. Decisions, but for two readers of
files and URLs; nothing here knows of requests or Kafka.
"""
