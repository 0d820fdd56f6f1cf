"""What runs inside a host's container beside the agent; copied into the image.

It imports the standard library and the agent only: on a host, nothing else of this project is there.
"""
