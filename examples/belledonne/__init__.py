"""
The demo tenant of the Quadra playbook: the accounting firm Belledonne, with its old servers and a disk.

Promise: everything in it is made up; nothing of Bascule imports it.
"""
