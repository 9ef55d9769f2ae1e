"""The agent: the only code of ours that runs on a PEP.

Standard library only, Python 3.10 and up, shipped as one zipapp. The portal imports the
pure half (`state`, `plan`, `nft`, `wg`, `ruleset`) so that both sides mean the same thing.
"""

VERSION = "0.1.0"
