"""A directory that speaks SCIM to the portal, with the bodies that Entra ID and Okta document."""

import json

PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
TOKEN = "the token of this test, of more than 32 letters"


class Directory:
    """`directory.post("Users", ...)`: each answer as Django's test client gives it, its body in `.body`."""

    def __init__(self, client, token=TOKEN):
        self.client, self.token = client, token

    def ask(self, method, path, body=None, **query):
        headers = {"Authorization": f"Bearer {self.token}"} if self.token is not None else {}
        sent = {} if body is None else {"data": body if isinstance(body, bytes) else json.dumps(body)}
        answer = self.client.generic(
            method, f"/scim/v2/{path}", content_type="application/scim+json", headers=headers, query_params=query, **sent
        )
        answer.body = json.loads(answer.content) if answer.content and "json" in answer["Content-Type"] else None
        return answer

    def get(self, path, **query):
        return self.ask("GET", path, **query)

    def post(self, path, **body):
        return self.ask("POST", path, body)

    def put(self, path, **body):
        return self.ask("PUT", path, body)

    def delete(self, path):
        return self.ask("DELETE", path)

    def patch(self, path, *operations):
        return self.ask("PATCH", path, {"schemas": [PATCH_OP], "Operations": list(operations)})

    def tell_of(self, name, **more):
        """Post somebody as Okta does; return the id."""
        subject = {"externalId": f"{name}-subject", "userName": f"{name}@corp.example"}
        answer = self.post("Users", schemas=[USER], **{**subject, "active": True, **more})
        assert answer.status_code == 201, answer.content
        return answer.body["id"]

    def keep(self, name, *members):
        """Post a group with these members; return its id."""
        answer = self.post("Groups", schemas=[GROUP], displayName=name, members=[{"value": each} for each in members])
        assert answer.status_code == 201, answer.content
        return answer.body["id"]

    def members(self, group):
        return {each["value"] for each in self.get(f"Groups/{group}").body["members"]}


def replace(path, value):
    return {"op": "replace", "path": path, "value": value}


def active(value):
    return replace("active", value)


def of(*ids):
    return [{"value": each} for each in ids]
