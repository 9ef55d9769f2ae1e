"""What a PEP's agent says of itself, as this portal knows it: the agent speaks English alone, and rows keep what it said.

Sentences are joined by "; ", so what the agent says with one in it stands here in two halves. To add
one, write it as the agent does, with a name for each value; a test holds this against the agent's code.
"""

from enrollment.sentences import kept

REFUSED = (
    kept("the peer {key} is one too many: this PEP takes {most} at most"),
    kept("the peer {key} must wait: this PEP takes {most} new ones an hour"),
    kept("the peer {key} has the address {address}, which is not one for devices here"),
    kept("the resource {slug} has the address {address}, outside this PEP's resource prefixes"),
    kept("the resource {slug} leads to {target}, which this PEP's owner forbids"),
    kept("the resource {slug} leads to {target} {words}, which this PEP's owner does not allow"),
    kept("the resource {slug} has no {family} address here, so no device's {same_family} address is let in"),
)
OPENS_NOTHING = (
    kept("generation {number} is older than {newest}, which was applied before"),
    kept("alarm: generation {number} was applied before with another document"),
    kept("the document is not fresh: its nonce is missing, used, or more than a minute old"),
    kept("this PEP cannot write what it is about to do, so nothing is opened: {error}"),
    kept("this PEP cannot read what it remembers, so nothing is opened: {error}"),
    kept("the guard cannot be put back, so nothing is opened: {error}"),
    kept("the WireGuard interface {interface} cannot be read: {error}"),
)
FAILED = (
    kept("this PEP cannot keep where the audit log ends: {error}"),
    kept("the journal on this PEP cannot be written: {error}"),
    kept("this PEP cannot write what it did: {error}"),
    kept("the lock-down cannot be put back: {error}"),
    kept("another request is being carried out on this PEP"),
    kept("this PEP's own file cannot be read: {error}"),
    kept("this PEP's own file is wrong: {error}"),
    kept("this PEP's own file {file} can be written by others than root, so it is not obeyed"),
)
SEEN = (
    kept("the portal's clock and this PEP's are {seconds} s apart"),
    kept("access only ends earlier for it"),
    kept("alarm: the audit log once reached event {number}, sealed {seal}, and is shorter or another now: {why}"),
    kept("the portal's database was cut off, restored or made anew"),
    kept("run manage.py audit verify"),
)
DRIFT = (
    kept("{address} was removed from {set} by hand"),
    kept("{address} was made permanent in {set} by hand"),
    kept("{address} was added to {set} by hand"),
    kept("{address} in {set} was lengthened by {seconds} s by hand"),
    kept("{address} in {set} was shortened by {seconds} s by hand"),
    kept("the peer {key} was added by hand"),
    kept("the addresses of the peer {key} were changed by hand"),
    kept("the peer {key} was removed by hand"),
    kept("the table inet lychgate was changed by hand"),
    kept("the table inet lychgate was deleted by hand"),
    kept("it was loaded again"),
    kept("the guard table was changed by hand"),
    kept("the guard table was deleted by hand"),
    kept("the routing rules down to the guard's were changed by hand"),
    kept("the guard's own are put back"),
    kept("the lock-down was changed or ended by hand"),
    kept("removed"),
    kept("set right"),
    kept("put back"),
    kept("and {count} more things were changed by hand"),
)
LOCK_DOWN = (
    kept("this agent only records, and closes nothing"),
    kept(
        "this PEP's own file keeps nothing open for the workers (kept_open), so lock-down would keep them out as well:"
        " run its bootstrap script, made with --from, again"
    ),
    kept("no such trial of lock-down has begun here"),
    kept("lock-down is confirmed over a new connection, which shows that one gets in"),
    kept("the trial of lock-down is over, and this PEP is open again"),
)
