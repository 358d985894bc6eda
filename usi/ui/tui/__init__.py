"""The terminal screen: `app` runs it, `screens` compose, `widgets` show.

It knows the intents and events of `net.peer` and the data types of core, nothing else.
"""
