"""Events and requests that come again: `duplicate` instead of a second record, and the same answer to the same request.

`window` is what a process knows, `shared` the file by which the processes of a host and their successors know the same,
`admission` what is looked up of each event before it is published, `request_keys` the answers of whole requests.

It is an aid: what it forgets is sent again, and the agents' deduplication counts it once.
"""
