"""
A project: its activities with what each costs and how long it takes, and the plan that follows from them.

Promise: which activities there are stands in the vendor's own file; nothing here knows one by name.
"""
