"""What processes share through a server in the middle, whichever server that is: turns of one gate, and one budget.

- turns.py: the turns of a gate, reserved on the server, and what happens while it is away
- standing.py: what one process knows of the others, and the turns it may take by itself
- budget.py: a budget that several processes spend from
- link.py: what a way to the server must be able to do, and the name that a key goes by there
"""
