"""What is the same for all requests: headers, bodies, deadlines, streams, the request log, proxies in front.

What a particular call or page answers belongs to the folder of its subject.
"""
