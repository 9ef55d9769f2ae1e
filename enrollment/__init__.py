"""What people cause: identities, devices, resources, policies, requests, reviews, grants, and their history."""
