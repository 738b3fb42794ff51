"""The gateway: the edge of the system. Calls come in over HTTP and WebSocket, and everybody can watch them live.

Reads the timelines of all calls, the announcements and the enrolled voices; writes announcements and sound, as any
producer does; erases calls and voices on request. It keeps nothing: a dashboard that lost it resumes at another one.
"""
