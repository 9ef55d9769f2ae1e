"""The demo's people. The provider knows them, and the portal knows beforehand who may answer.

The subject follows from the username, so people stay the same to the portal when the
provider's database is made anew.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody with a fixed part in the demo."""

    username: str
    name: str
    groups: tuple[str, ...]
    part: str

    @property
    def subject(self) -> str:
        return f"demo-{self.username}"


PEOPLE = (
    DemoPerson("alice", "Alice Adler", ("employees",), "an employee: enrols devices and asks for access"),
    DemoPerson("bob", "Bob Brandt", ("employees", "lychgate-approvers"), "an approver: answers requests in the admin"),
    DemoPerson("carol", "Carol Conti", ("employees", "lychgate-auditors"), "an auditor: reads everything, changes nothing"),
    DemoPerson("dave", "Dave Dubois", ("employees", "lychgate-admins"), "an admin: keeps resources, policies and gateways"),
    DemoPerson("erin", "Erin Evans", ("employees",), "another employee: must never see what is Alice's"),
)
